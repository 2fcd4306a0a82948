"""A patient's identity: traits and national number, each change a statement that holds all of it, sealed.

What counts is the last signed statement. The row beside it serves the search for a name (search.py) and exact look-up
of a number by its blind index; it decides nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Final

from egide.cloud.keys.columns import blind_index, seal_text
from egide.cloud.keys.records import care_key
from egide.cloud.people.ins import Ins, doubts
from egide.cloud.people.insi import Insi
from egide.cloud.people.models import Account, Identity
from egide.cloud.people.proofing import prove_at_desk, require_desk, signed_facts
from egide.cloud.people.traits import Traits, status_of, worth
from egide.cloud.register.journal import append_statement
from egide.errors import EgideError, NotFoundError, RefusedError

__all__ = [
    "Known", "declare_identity", "declare_ins", "ins_to_share", "known_identity", "mark_identity", "prove_identity",
    "retrieve_identity", "traits_context",
]  # fmt: skip

KIND: Final = "identity"
INS_INDEX: Final = "ins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is known of an identity, and how well."""

    traits: Traits
    ins: Ins | None = None
    retrieved: bool = False  # by the national service
    reference: str = ""  # of its answer
    document: str = ""  # seen at a desk
    assisted: bool = False  # with a parent's or guardian's own
    fictive: bool = False
    doubtful: bool = False

    @property
    def status(self) -> str:
        return status_of(
            retrieved=self.retrieved, document=self.document, assisted=self.assisted, fictive=self.fictive,
            doubtful=self.doubtful,
        )  # fmt: skip

    @property
    def doubts(self) -> frozenset[str]:
        """Which traits the number does not go with."""
        return doubts(self.ins, self.traits) if self.ins else frozenset()


def known_identity(patient: Account) -> Known:
    """As the last signed statement says. Raises NotFoundError: nothing was ever declared."""
    for _, facts in reversed(signed_facts(patient, KIND)):
        try:
            return _read(facts)
        except (EgideError, KeyError, TypeError):
            continue
    raise NotFoundError("no identity was declared")


def declare_identity(patient: Account, traits: Traits, *, by: Account, now_ms: int) -> Known:
    """Write or correct the traits. What proved the earlier ones proves these no more, unless they are the same person.

    Raises:
        RefusedError: not a patient. AccessDeniedError: neither the patient nor somebody at a desk where they are known.
    """
    _require_may(patient, by, now_ms)
    try:
        known = known_identity(patient)
    except NotFoundError:
        known = Known(traits=traits)
    if known.traits.same_person(traits):
        known = replace(known, traits=traits)
    else:
        known = Known(traits=traits, fictive=known.fictive, doubtful=known.doubtful)
    return _keep(patient, known, by, now_ms)


def declare_ins(patient: Account, ins: Ins, *, by: Account, now_ms: int) -> Known:
    """A number that was typed or read from a card: kept to be found by, never shared, and worth no status.

    Raises as `declare_identity` does; RefusedError: the national service gave another one.
    """
    _require_may(patient, by, now_ms)
    known = known_identity(patient)
    if known.retrieved and known.ins != ins:
        raise RefusedError("the national service gave another number")
    return _keep(patient, replace(known, ins=ins), by, now_ms)


def prove_identity(patient: Account, document: str, *, by: Account, now_ms: int, assisted: bool = False) -> Known:
    """Somebody at a desk compared the traits with a document. One that proves less takes nothing away.

    Raises as `prove_at_desk` does; RefusedError: the identity is fictive.
    """
    known = known_identity(patient)
    if known.fictive:
        raise RefusedError("a fictive identity is proved by nothing")
    prove_at_desk(patient, document, by=by, now_ms=now_ms)
    if worth(document, assisted=assisted) < worth(known.document, assisted=known.assisted):
        return known
    return _keep(patient, replace(known, document=document, assisted=assisted), by, now_ms)


def retrieve_identity(patient: Account, service: Insi, *, by: Account, now_ms: int) -> Known:
    """Ask the national service, which gives the number and the traits of the civil register.

    Raises:
        RefusedError: the identity is fictive or doubtful, which is not asked about; or the number is nobody's, one of
        tests. NotFoundError, UnavailableError: what the service says. AccessDeniedError: as `declare_identity`.
    """
    require_desk(patient, by=by, now_ms=now_ms)
    known = known_identity(patient)
    if known.fictive or known.doubtful:
        raise RefusedError("a fictive or doubtful identity is not asked about")
    answer = service.retrieve(known.traits)
    if not answer.ins.is_real:
        raise RefusedError("the service answered with a number of tests")
    if answer.traits.birth_date != known.traits.birth_date or answer.traits.sex != known.traits.sex:
        raise RefusedError("the service answered with another person")
    used = {"used_name": known.traits.used_name, "used_given_name": known.traits.used_given_name}
    traits = replace(answer.traits, **used)
    seen = known if known.traits.same_person(traits) else replace(known, document="", assisted=False)
    found = replace(seen, traits=traits, ins=answer.ins, retrieved=True, reference=answer.reference)
    return _keep(patient, found, by, now_ms)


def mark_identity(
    patient: Account, *, by: Account, now_ms: int, fictive: bool | None = None, doubtful: bool | None = None
) -> Known:
    """Say, or say no more, that an identity is fictive or doubtful. Raises as `declare_identity`, at a desk only."""
    require_desk(patient, by=by, now_ms=now_ms)
    known = known_identity(patient)
    if fictive is not None:
        known = replace(known, fictive=fictive)
    if doubtful is not None:
        known = replace(known, doubtful=doubtful)
    return _keep(patient, known, by, now_ms)


def ins_to_share(patient: Account) -> Ins:
    """The number, where it may leave: of a qualified identity only. Raises RefusedError, NotFoundError."""
    known = known_identity(patient)
    if known.status != Identity.Status.QUALIFIED or known.ins is None:
        raise RefusedError("only a qualified identity is shared with its number")
    return known.ins


def traits_context(patient: object) -> bytes:
    """What sealed traits are bound to."""
    return f"people.identity.traits {patient}".encode()


def _require_may(patient: Account, by: Account, now_ms: int) -> None:
    if patient.role != Account.Role.PATIENT:
        raise RefusedError("this account is not a patient's")
    if by.pk != patient.pk:
        require_desk(patient, by=by, now_ms=now_ms)


def _keep(patient: Account, known: Known, by: Account, now_ms: int) -> Known:
    facts = {
        **{name: value for name, value in asdict(known).items() if name not in {"traits", "ins"}},
        "traits": known.traits.as_facts(),
        "ins": [known.ins.number, known.ins.oid] if known.ins else None,
        "by": str(by.pk),
    }

    def keep() -> None:
        number = known.ins.number if known.ins else ""
        Identity.objects.update_or_create(
            account=patient,
            defaults={
                "status": known.status,
                "fictive": known.fictive,
                "doubtful": known.doubtful,
                "sealed_traits": seal_text(json.dumps(known.traits.as_facts()), traits_context(patient.pk)),
                "ins_index": blind_index(number, INS_INDEX) if number else None,
                "changed_ms": now_ms,
            },
        )

    append_statement(KIND, patient.pk, {}, now_ms=now_ms, personal=facts, sealed_for=care_key(patient.pk), also=keep)
    return known


def _read(facts: dict[str, object]) -> Known:
    plain = {name: value for name, value in facts.items() if name not in {"traits", "ins", "by"}}
    match facts:
        case {"traits": dict(traits), "ins": [str(number), str(oid)]}:
            ins: Ins | None = Ins.read(number, oid, real=False)
        case {"traits": dict(traits), "ins": None}:
            ins = None
        case _:
            raise KeyError("another form")
    return Known(traits=Traits.from_facts(traits), ins=ins, **plain)  # type: ignore[arg-type]  # as we signed them
