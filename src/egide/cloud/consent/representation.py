"""Those who act for a patient: by mandate, parent, guardian of the person, or another measure, with its deed and dates.

A parent's access ends on the child's 18th birthday by itself; a court suspends at once; death closes all of it (heirs
go through the desk). An adolescent keeps families of metrics from every representative.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from egide.cloud.consent.acts import new_id, require_patient, require_period, say, text_of, written_by
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import ACCOUNT, Representation, runs
from egide.cloud.consent.families import require_families
from egide.cloud.consent.models import Ground
from egide.cloud.consent.rules import NATURES
from egide.cloud.people.models import Account
from egide.errors import NotFoundError, RefusedError

__all__ = [
    "NATURES", "end_representation", "keep_secret", "record_death", "represent", "representations_of",
    "resume_representation", "secrets_of", "suspend_representation", "tell_secret",
]  # fmt: skip

_ROLES: Final = (Account.Role.RELATIVE, Account.Role.PATIENT, Account.Role.PROFESSIONAL)


def represent(
    patient: Account, representative: Account, *, nature: str, deed: str, recorded_by: Account, now_ms: int,
    since_ms: int | None = None, until_ms: int | None = None, adult_ms: int | None = None,
) -> str:  # fmt: skip
    """Write down that somebody acts for a patient, on the sight of a deed; return the representation's id.

    `adult_ms`: the patient's 18th birthday, needed for a parent. Each parent is written down apart.

    Raises:
        RefusedError: another nature or role, no deed, dates that cannot be, oneself, or oneself as the witness.
    """
    require_patient(patient)
    if nature not in NATURES:
        raise RefusedError("a representative is one by mandate, as parent, as guardian or by another measure")
    if representative.role not in _ROLES or representative.pk == patient.pk or not representative.is_active:
        raise RefusedError("this account cannot represent this patient")
    if recorded_by.pk == representative.pk:
        raise RefusedError("nobody writes down their own right to represent")
    if nature == "parent" and adult_ms is None:
        raise RefusedError("a parent's access ends on the 18th birthday: give that date")
    since = now_ms if since_ms is None else max(now_ms, since_ms)
    require_period(since, until_ms)
    require_period(since, adult_ms)
    key = new_id()
    said = {
        "id": key, "representative": str(representative.pk), "nature": nature, "deed": text_of(deed), "since": since,
        "until": until_ms, "adult": adult_ms, "by": str(recorded_by.pk),
    }  # fmt: skip

    def keep() -> None:
        Ground.objects.create(
            id=key, kind=Ground.Kind.REPRESENTATION, patient=patient, holder_kind=ACCOUNT,
            holder=str(representative.pk), since_ms=since, until_ms=until_ms,
        )  # fmt: skip

    say("representation", patient, said, now_ms=now_ms, also=keep)
    return key


def end_representation(patient: Account, representation: str, *, now_ms: int, by: Account | None = None) -> None:
    """From now on it opens nothing. Raises NotFoundError, RefusedError."""
    held = _held(patient, representation)
    if held.until_ms is not None and held.until_ms <= now_ms:
        raise RefusedError("this is over already")

    def end() -> None:
        Ground.objects.filter(pk=representation).update(until_ms=now_ms)

    said = {"id": representation, "until": now_ms, "by": str((by or patient).pk)}
    say("representation-end", patient, said, now_ms=now_ms, also=end)


def suspend_representation(
    patient: Account, representation: str, *, decision: str, recorded_by: Account, now_ms: int
) -> None:
    """A court says so: it opens nothing from now on, until it is resumed. `decision` names the court's paper."""
    held = _held(patient, representation)
    if any(runs(stop, now_ms) for stop in held.suspended):
        raise RefusedError("this is suspended already")
    said = {"id": representation, "since": now_ms, "decision": text_of(decision), "by": str(recorded_by.pk)}
    say("representation-stop", patient, said, now_ms=now_ms)


def resume_representation(
    patient: Account, representation: str, *, decision: str, recorded_by: Account, now_ms: int
) -> None:
    """Another decision lifts the suspension. Raises RefusedError when there is none."""
    held = _held(patient, representation)
    if not any(runs(stop, now_ms) for stop in held.suspended):
        raise RefusedError("this is not suspended")
    said = {"id": representation, "until": now_ms, "decision": text_of(decision), "by": str(recorded_by.pk)}
    say("representation-resume", patient, said, now_ms=now_ms)


def representations_of(patient: Account) -> tuple[Representation, ...]:
    """Everybody who acts, or acted, for a patient, as signed."""
    return facts_of(patient.pk).representations


def keep_secret(
    patient: Account, families: Iterable[str], *, now_ms: int, given_by: Account | None = None, way: str = ""
) -> None:
    """The patient keeps these families from every representative, from now on: to them they were never measured."""
    require_patient(patient)
    named = (require_families(families) or frozenset()) - secrets_of(patient, now_ms=now_ms)
    if named:
        said = {"families": sorted(named), "since": now_ms} | written_by(patient, given_by, way)
        say("secret", patient, said, now_ms=now_ms)


def tell_secret(patient: Account, families: Iterable[str], *, now_ms: int) -> None:
    """The patient lets representatives see these families again. Raises RefusedError for one that is no secret."""
    named = require_families(families) or frozenset()
    if not named <= secrets_of(patient, now_ms=now_ms):
        raise RefusedError("this is no secret")
    say("secret-end", patient, {"families": sorted(named), "until": now_ms}, now_ms=now_ms)


def secrets_of(patient: Account, *, now_ms: int) -> frozenset[str]:
    """The families that are kept from representatives now."""
    kept = [s.families for s in facts_of(patient.pk).secrets if runs(s, now_ms)]
    return frozenset().union(*kept)


def record_death(patient: Account, *, at_ms: int, recorded_by: Account, now_ms: int) -> None:
    """After death the record is closed to the account, to representatives and to grants; heirs go through the desk."""
    require_patient(patient)
    if at_ms > now_ms or recorded_by.pk == patient.pk:
        raise RefusedError("a death lies in the past, and somebody else records it")
    say("death", patient, {"since": at_ms, "by": str(recorded_by.pk)}, now_ms=now_ms)


def _held(patient: Account, representation: str) -> Representation:
    for held in representations_of(patient):
        if held.id == representation:
            return held
    raise NotFoundError("there is no such representation")
