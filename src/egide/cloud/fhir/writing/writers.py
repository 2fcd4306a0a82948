"""Who may write, and about whom. The default is no.

1  a program, not a person: a session writes nothing
2  that was registered as a system, by a signed statement, for one establishment, and not revoked
3  whose scopes say system/Observation.c: what its own token grants (assertions)
4  about a patient who is registered at that establishment
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.consent.rules import FORBIDDEN_SECTORS
from egide.cloud.fhir.reader import Reader
from egide.cloud.fhir.writing.registering import System, system_named
from egide.cloud.people.attested import attested_kinds
from egide.cloud.people.identity import known_identity
from egide.cloud.people.ins import Ins
from egide.cloud.people.models import Account, Merge
from egide.cloud.people.scope import Scope
from egide.cloud.people.search import find_by_ins
from egide.errors import AccessDeniedError, EgideError

__all__ = ["Writer", "patient_by_id", "patient_by_traits", "writer_of"]

_URN: Final = "urn:uuid:"
_OID: Final = "urn:oid:"
_LEVEL: Final = "system"
_NO_PATIENT: Final = "no such patient is known to the establishment of this system"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A system that may write for patients of its establishment."""

    system: System
    reader: Reader

    def require_scope(self, resource: Resource) -> None:
        """Raises AccessDeniedError: no scope of its token lets it write this one."""
        if not any(s.level == _LEVEL and s.allows(self.reader, "Observation", "create", resource)
                   for s in self.reader.scopes or ()):  # fmt: skip
            raise AccessDeniedError("no scope lets this program write this")


def writer_of(reader: Reader) -> Writer:
    """The system that a reader writes as.

    Raises:
        AccessDeniedError: a person, or a program that is no registered system.
    """
    if not reader.app or reader.scopes is None:
        raise AccessDeniedError("what is measured is written by objects, and by systems that were registered")
    if not any(s.level == _LEVEL and s.allows(reader, "Observation", "create") for s in reader.scopes):
        raise AccessDeniedError("no scope lets this program write")
    system = _system(reader.app)
    if system is None or reader.establishment != system.establishment:
        raise AccessDeniedError("this program is not registered as a system that writes for this establishment")
    if attested_kinds().get(str(system.establishment), "") in FORBIDDEN_SECTORS:
        raise AccessDeniedError("this kind of establishment writes nothing")
    return Writer(system=system, reader=reader)


def _system(app: str) -> System | None:
    try:
        return system_named(uuid.UUID(app.removeprefix(_URN))) if app.startswith(_URN) else None
    except ValueError:
        return None


def patient_by_id(writer: Writer, name: str) -> Account:
    """Raises AccessDeniedError: unknown, or known elsewhere; which, is not said."""
    try:
        key = uuid.UUID(name)
    except ValueError as err:
        raise AccessDeniedError(_NO_PATIENT) from err
    merged = Merge.objects.filter(merged_id=key, undone_ms=None).values_list("kept_id", flat=True).first()
    found = _scope(writer).patients().filter(pk=merged or key).first()
    if found is None:
        raise AccessDeniedError(_NO_PATIENT)
    return found


def patient_by_traits(writer: Writer, identifiers: Any, person: Resource) -> Account:
    """By the national number (INS), where the birth date and the sex that come with it are those that are known.

    Raises:
        AccessDeniedError: nobody, more than one, or somebody whose traits are others.
    """
    for identifier in identifiers if isinstance(identifiers, list) else [identifiers]:
        ins = _ins(identifier)
        found = find_by_ins(_scope(writer), ins) if ins is not None else []
        if ins is not None and len(found) == 1 and _same(found[0], ins, person):
            return found[0]
    raise AccessDeniedError(_NO_PATIENT)


def _scope(writer: Writer) -> Scope:
    return Scope(finds=frozenset({writer.system.establishment}))


def _ins(identifier: Any) -> Ins | None:
    match identifier:
        case {"system": str(system), "value": str(value)} if system.startswith(_OID):
            try:
                return Ins.read(value, system.removeprefix(_OID), real=False)
            except EgideError:
                return None
    return None


def _same(patient: Account, ins: Ins, person: Resource) -> bool:
    try:
        known = known_identity(patient)
    except EgideError:
        return False
    born, sex = person.get("birthDate", known.traits.birth_date), person.get("gender")
    wanted = {"M": "male", "F": "female"}.get(known.traits.sex)
    return known.ins == ins and born == known.traits.birth_date and (sex is None or wanted in (None, sex))
