"""Grants outside the team, and research: who, what, of which period, what for, until when. Each a signed statement."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from egide.cloud.consent.acts import new_id, require_patient, require_period, say, text_of, window_said, written_by
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import (
    ACCOUNT,
    APP,
    ESTABLISHMENT,
    TEAM,
    Care,
    Grant,
    Holder,
    Participation,
    Window,
    runs,
)
from egide.cloud.consent.families import require_families
from egide.cloud.consent.models import Ground
from egide.cloud.consent.rules import FORBIDDEN_PURPOSES, FORBIDDEN_SECTORS, GRANTABLE
from egide.cloud.people.models import Account, Establishment
from egide.errors import NotFoundError, RefusedError
from egide.trust.grant import consent_facts

__all__ = [
    "ForbiddenUseError", "Reader", "give_grant", "grants_of", "holder_of", "join_research", "leave_research",
    "reader_of", "require_sector", "research_of", "withdraw_everything", "withdraw_grant",
]  # fmt: skip

#: Whom one can grant to: a person, whoever cares in an establishment, the team of a follow-up, an app by its id.
Reader = Account | Establishment | Care | str
_MAX_APP: Final = 64
_Kept = TypeVar("_Kept", Grant, Participation)


class ForbiddenUseError(RefusedError):
    """Insurer, employer, bank, marketing, sale, geolocation: no grant can open these."""

    code = "use-forbidden"
    hint = "health data are not for this, even with agreement"


def holder_of(who: Reader) -> Holder:
    """An account, an establishment, a team by its follow-up, or an app by its id, as statements name it."""
    if isinstance(who, Account):
        return Holder(kind=ACCOUNT, id=str(who.pk))
    if isinstance(who, Establishment):
        return Holder(kind=ESTABLISHMENT, id=str(who.pk))
    if isinstance(who, Care):
        return Holder(kind=TEAM, id=who.id)
    if not who or len(who) > _MAX_APP or not who.isprintable():
        raise RefusedError("an app is named by its id")
    return Holder(kind=APP, id=who)


def reader_of(patient: Account, holder: Holder) -> Reader:
    """Whom a holder names; a team is one of this patient's. Raises NotFoundError: nobody, or none any more."""
    if holder.kind == APP:
        return holder.id
    found: Reader | None = None
    if holder.kind == TEAM:
        found = next((c for c in facts_of(patient.pk).care if c.id == holder.id), None)
    elif holder.kind in (ACCOUNT, ESTABLISHMENT):
        kind: type[Account] | type[Establishment] = Account if holder.kind == ACCOUNT else Establishment
        found = kind.objects.filter(pk=uuid.UUID(holder.id)).first()
    if found is None:
        raise NotFoundError("nobody of that name")
    return found


def require_sector(who: Reader, sector: str = "") -> None:
    """Raises ForbiddenUseError: an insurer, an employer, a bank or the like, by its kind or by `sector`."""
    if {sector, str(who.kind) if isinstance(who, Establishment) else ""} & FORBIDDEN_SECTORS:
        raise ForbiddenUseError("no grant can open health data for this")


def give_grant(
    patient: Account, who: Reader, *, families: Iterable[str] | None, purpose: str, now_ms: int,
    until_ms: int | None, data_since_ms: int | None = None, data_until_ms: int | None = None, sector: str = "",
    given_by: Account | None = None, signature: bytes | None = None, grant_id: str | None = None,
    way: str = "",
) -> str:  # fmt: skip
    """Open some of a record to somebody outside the team, from now until `until_ms`; return the grant's id.

    `families` None: all. The period [data_since_ms, data_until_ms) is of the data, not of the grant. `sector`: what
    the grantee does, where it is known. `given_by`: who typed it at the desk, if not the patient, on what word
    (`way`). `signature`: the patient's own, over the text shown, kept in the statement; `grant_id` names the grant
    that it signed.

    Raises:
        ForbiddenUseError: a purpose or a sector that nothing opens.
        RefusedError: another purpose, family or period that cannot be, a grant to oneself, a team that is no more.
    """
    require_patient(patient)
    holder = holder_of(who)
    require_sector(who, sector)
    if purpose in FORBIDDEN_PURPOSES:
        raise ForbiddenUseError("no grant can open health data for this")
    if isinstance(who, Care) and (who.patient != str(patient.pk) or not runs(who, now_ms)):
        raise RefusedError("a team is granted to while it follows this patient")
    if purpose not in GRANTABLE:
        raise RefusedError("a grant serves one purpose, among those that can be granted")
    if holder.id == str(patient.pk):
        raise RefusedError("one's own record needs no grant")
    require_period(now_ms, until_ms)
    require_period(data_since_ms, data_until_ms)
    data = Window(families=require_families(families), since_ms=data_since_ms, until_ms=data_until_ms)
    key = str(uuid.UUID(grant_id)) if grant_id else new_id()
    said = window_said(data) | {
        "id": key, "holder_kind": holder.kind, "holder": holder.id, "purpose": purpose, "since": now_ms,
        "until": until_ms, "signature": signature,
    } | written_by(patient, given_by, way)  # fmt: skip
    _keep("grant", Ground.Kind.GRANT, patient, holder, said, now_ms)
    return key


def withdraw_grant(
    patient: Account, grant: str, *, now_ms: int, by: Account | None = None, signature: bytes | None = None,
    way: str = "",
) -> None:  # fmt: skip
    """From now on this grant opens nothing, at the next read of every process. Raises NotFoundError, RefusedError."""
    _end("grant-end", patient, _one(grants_of(patient), grant), now_ms, by=by, signature=signature, way=way)


def withdraw_everything(patient: Account, *, now_ms: int) -> list[str]:
    """Withdraw every grant that runs; return their ids. The care team is another matter: follow_ups.oppose."""
    ended = [g for g in grants_of(patient) if g.until_ms is None or g.until_ms > now_ms]
    for grant in ended:
        _end("grant-end", patient, grant, now_ms)
    return [grant.id for grant in ended]


def grants_of(patient: Account) -> tuple[Grant, ...]:
    """Every grant of a patient, as signed, ended ones included."""
    return facts_of(patient.pk).grants


def join_research(
    patient: Account, who: Reader, *, project: str, families: Iterable[str], now_ms: int,
    until_ms: int, data_since_ms: int | None = None, data_until_ms: int | None = None, sector: str = "",
    given_by: Account | None = None, signature: bytes | None = None, part_id: str | None = None, way: str = "",
    declared: str = "", shown: str = "",
) -> str:  # fmt: skip
    """Take part in a named project, for named families, until a date. Raises as `give_grant` does.

    `declared`: the id of a declared project (projects.py); `shown`: the text that the patient read and agreed to.
    `given_by`, `way`, `signature`: as of `give_grant`; `part_id` names the participation that was signed.
    """
    require_patient(patient)
    require_sector(who, sector)
    holder = holder_of(who)
    require_period(now_ms, until_ms)
    require_period(data_since_ms, data_until_ms)
    data = Window(families=require_families(families), since_ms=data_since_ms, until_ms=data_until_ms)
    key = str(uuid.UUID(part_id)) if part_id else new_id()
    said = window_said(data) | {
        "id": key, "project": text_of(project), "holder_kind": holder.kind, "holder": holder.id, "since": now_ms,
        "until": until_ms, "signature": signature,
    } | written_by(patient, given_by, way)  # fmt: skip
    said |= {name: text for name, text in (("declared", declared), ("shown", shown)) if text}

    def once() -> None:
        if [part for part in _same_project(patient, declared, now_ms) if part.id != key]:
            raise RefusedError("this patient takes part already")

    _keep("research", Ground.Kind.RESEARCH, patient, holder, said, now_ms, also=once)
    return key


def leave_research(
    patient: Account, participation: str, *, now_ms: int, by: Account | None = None, way: str = ""
) -> None:
    """From now on the project reads nothing more, however often it was joined. Raises NotFoundError, RefusedError."""
    left = _one(research_of(patient), participation)
    _end("research-end", patient, left, now_ms, by=by, way=way)
    for other in _same_project(patient, left.declared, now_ms):
        _end("research-end", patient, other, now_ms, by=by, way=way)


def research_of(patient: Account) -> tuple[Participation, ...]:
    """Every project a patient takes, or took, part in, as signed."""
    return facts_of(patient.pk).participations


def _same_project(patient: Account, declared: str, now_ms: int) -> list[Participation]:
    """What is not over of a patient's parts in one declared project: one, or none."""
    mine = [part for part in research_of(patient) if declared and part.declared == declared]
    return [part for part in mine if part.until_ms is None or now_ms < part.until_ms]


def _keep(
    kind: str, row: str, patient: Account, holder: Holder, said: dict[str, Any], now_ms: int, *,
    also: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """`also` runs under the register's lock, once the statement is there: what it raises takes it back."""

    def keep() -> None:
        if also is not None:
            also()
        Ground.objects.create(
            id=said["id"], kind=row, patient=patient, holder_kind=holder.kind, holder=holder.id, since_ms=now_ms,
            until_ms=said["until"],
        )  # fmt: skip

    say(kind, patient, said, facts=_signed(said), now_ms=now_ms, also=keep)


def _one(found: Sequence[_Kept], key: str) -> _Kept:
    for ground in found:
        if ground.id == key:
            return ground
    raise NotFoundError("there is no such ground")


def _end(
    kind: str, patient: Account, ground: Grant | Participation, now_ms: int, *, by: Account | None = None,
    signature: bytes | None = None, way: str = "",
) -> None:  # fmt: skip
    if ground.until_ms is not None and ground.until_ms <= now_ms:
        raise RefusedError("this is over already")
    said: dict[str, Any] = {"id": ground.id, "until": now_ms, "signature": signature}
    said |= written_by(patient, by, way)

    def end() -> None:
        Ground.objects.filter(pk=ground.id).update(until_ms=now_ms)

    say(kind, patient, said, facts=_signed(said), now_ms=now_ms, also=end)


def _signed(said: dict[str, Any]) -> dict[str, Any]:
    """What stands in the clear beside a signed act: the hash of its signature, for a proof to show (signing.py)."""
    signature = said["signature"]
    return consent_facts(hashlib.sha256(signature).digest()) if signature else {}
