"""Find a patient by name within the reader's establishments: names are opened in memory, and never indexed.

The birth date is required: a name alone would list a ward. Names are compared without case, accents, hyphens or order.
Whoever shares both is shown as a homonym, so that nobody picks the first line. A search by staff is written down in the
journal of each patient whom it found: they read by whom.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import date

from egide.cloud.keys.columns import blind_index, open_text
from egide.cloud.keys.records import care_key
from egide.cloud.people import names
from egide.cloud.people.identity import INS_INDEX, known_identity, traits_context
from egide.cloud.people.ins import Ins
from egide.cloud.people.models import Account, Identity
from egide.cloud.people.scope import Scope, scope_of
from egide.cloud.people.traits import Traits
from egide.cloud.register.journal import append_statement
from egide.errors import EgideError, KeyMissingError, RefusedError

__all__ = ["Found", "find_by_ins", "find_patients", "homonyms_of", "search"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A patient who answers to the name and date, and how well their identity is known."""

    patient: Account
    traits: Traits
    status: str
    homonym: bool  # another patient of these establishments answers to the same name and date
    double: bool  # and has the same strict traits: perhaps the same person twice


def search(by: Account, name: str, birth_date: str, *, now_ms: int) -> list[Found]:
    """Search as somebody does where they work. Written down before this returns: a search that finds nobody too.

    Raises as `find_patients` does.
    """
    found = find_patients(scope_of(by, now_ms=now_ms), name, birth_date)
    for each in found:
        _journal(each.patient, by, now_ms)
    if not found:
        append_statement("search", None, {"by": str(by.pk), "found": 0}, now_ms=now_ms)
    return found


def find_patients(scope: Scope, name: str, birth_date: str) -> list[Found]:
    """Patients of the scope, born that day, whose names hold every word of `name`; best known first.

    Raises:
        RefusedError: no name, or not a date as YYYY-MM-DD.
    """
    words = names.words_of(name)
    try:
        born = date.fromisoformat(birth_date).isoformat()
    except ValueError as err:
        raise RefusedError("a birth date is YYYY-MM-DD") from err
    if not words:
        raise RefusedError("a name and a birth date are needed")
    same_day = _born(scope, born)
    found = [_found(who, traits, same_day) for who, traits in same_day.items() if words <= _words(traits)]
    return sorted(found, key=lambda f: (-_ORDER.index(f.status), f.patient.created_ms))


def find_by_ins(scope: Scope, ins: Ins) -> list[Account]:
    """Patients of the scope under that number: more than one is a double, or an error."""
    rows = Identity.objects.filter(account__in=scope.patients(), ins_index=blind_index(ins.number, INS_INDEX))
    return [row.account for row in rows.select_related("account")]


def homonyms_of(scope: Scope, patient: Account) -> list[Account]:
    """Other patients of the scope with the same birth name, first given name and birth date."""
    row = Identity.objects.filter(account__in=scope.patients(), account=patient).first()
    mine = _traits(patient.pk, bytes(row.sealed_traits)) if row else None
    if mine is None:
        return []
    same_day = _born(scope, mine.birth_date)
    return [who for who, traits in same_day.items() if who.pk != patient.pk and _alike(mine, traits)]


_ORDER = ("provisoire", "validée", "récupérée", "qualifiée")


def _journal(patient: Account, by: Account, now_ms: int) -> None:
    try:
        key = care_key(patient.pk)
    except KeyMissingError:  # the record was erased: who searched is no secret of its own
        append_statement("search", patient.pk, {"by": str(by.pk)}, now_ms=now_ms)
        return
    append_statement("search", patient.pk, {}, now_ms=now_ms, personal={"by": str(by.pk)}, sealed_for=key)


def _found(who: Account, traits: Traits, same_day: dict[Account, Traits]) -> Found:
    others = [t for other, t in same_day.items() if other.pk != who.pk and _alike(traits, t)]
    return Found(
        patient=who, traits=traits, status=known_identity(who).status, homonym=bool(others),
        double=any(traits.same_person(other) for other in others),
    )  # fmt: skip


def _born(scope: Scope, day: str) -> dict[Account, Traits]:
    """Patients of the scope born that day. Each row is opened; only those that fit become more than bytes."""
    rows = Identity.objects.filter(account__in=scope.patients()).values_list("account", "sealed_traits")
    fitting = {}
    for patient, sealed in rows.iterator():
        traits = _traits(patient, bytes(sealed), day)
        if traits is not None:
            fitting[patient] = traits
    return {who: fitting[who.pk] for who in Account.objects.filter(pk__in=fitting)}


def _traits(patient: uuid.UUID, sealed: bytes, day: str | None = None) -> Traits | None:
    """None: born another day, or a damaged row, which is fsck's to say: the others are still found."""
    try:
        facts = json.loads(open_text(sealed, traits_context(patient)))
        return Traits.from_facts(facts) if day in (None, facts["birth_date"]) else None
    except (EgideError, ValueError, KeyError, TypeError):
        return None


def _words(traits: Traits) -> frozenset[str]:
    return names.words_of(traits.birth_name, traits.given_names, traits.used_name, traits.used_given_name)


def _alike(one: Traits, other: Traits) -> bool:
    """Homonyms: one birth name, one birth date, and given names that begin alike (Anne, Anne-Lise)."""
    return one.birth_date == other.birth_date and _short(one) == _short(other)


def _short(traits: Traits) -> tuple[str, str]:
    return names.folded(traits.birth_name), names.folded(traits.given_names).split()[0]
