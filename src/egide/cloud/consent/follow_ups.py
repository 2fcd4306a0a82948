"""The care relation: inclusion, agreement, team, pause, end, and the patient's no. Each act is a signed statement.

Inside the team data are deemed shared (L1110-4): the patient is told, agrees by any means, and can oppose at any time.
Agreement or refusal is taken by a named professional and traced with how it was given.
"""

from __future__ import annotations

import uuid
from typing import Final

from egide.cloud.consent.acts import new_id, require_patient, require_period, say, text_of, written_by
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Care, Opposition, runs
from egide.cloud.consent.models import FollowUp, Ground
from egide.cloud.consent.rules import opposed
from egide.cloud.people.models import Account
from egide.errors import NotFoundError, RefusedError

__all__ = [
    "HOW", "OpposedError", "begin_follow_up", "change_responsible", "close_follow_up", "follow_ups_of", "join_team",
    "leave_team", "lift_opposition", "oppose", "pause_follow_up", "record_agreement", "resume_follow_up",
]  # fmt: skip


class OpposedError(RefusedError):
    """The patient opposes this, until they say otherwise themselves."""


#: How an agreement or a refusal was given.
HOW: Final = ("oral", "paper", "signed")


def begin_follow_up(
    patient: Account, *, responsible: Account, prescription: str, operator: str, recorded_by: Account, now_ms: int,
    informed_ms: int | None = None, agreed: bool | None = None, how: str = "",
) -> str:  # fmt: skip
    """Open a care relation and return its id. The responsible doctor is in the team at once, unless it was refused.

    `agreed` None: not asked yet. A refusal is written down too, and opposes; nobody joins a team that was refused.

    Raises:
        OpposedError: the patient said no to these people or to this place, and did not take it back.
        RefusedError: other roles; an agreement that does not say how it was given, or to what one was not told of.
    """
    require_patient(patient)
    _require_professional(responsible)
    _require_professional(recorded_by)
    _require_traced(agreed, how, informed_ms)
    if agreed is not False:
        _require_welcome(patient, text_of(operator), {str(responsible.pk), str(recorded_by.pk)}, now_ms)
    key = new_id()
    said = {
        "follow_up": key, "responsible": str(responsible.pk), "operator": text_of(operator),
        "prescription": text_of(prescription), "informed": informed_ms, "agreed": agreed, "how": how,
        "by": str(recorded_by.pk), "since": now_ms,
    }  # fmt: skip

    def keep() -> None:
        Ground.objects.create(
            id=key, kind=Ground.Kind.CARE, patient=patient, holder_kind="account", holder=str(responsible.pk),
            since_ms=now_ms,
        )  # fmt: skip

    say("care-begin", patient, said, now_ms=now_ms, also=keep)
    if agreed is False:
        oppose(patient, follow_up=key, now_ms=now_ms)
    else:
        join_team(patient, key, responsible, part="doctor", now_ms=now_ms)
    return key


def record_agreement(
    patient: Account, follow_up: str, *, agreed: bool, how: str, recorded_by: Account, informed_ms: int, now_ms: int
) -> None:
    """The patient's answer, with how it was given. A refusal opposes: from now on the team reads nothing."""
    _running(patient, follow_up, now_ms)
    _require_professional(recorded_by)
    _require_traced(agreed, how, informed_ms)
    if not agreed:  # first what closes: the rest may wait for a process that died
        oppose(patient, now_ms=now_ms, follow_up=follow_up)
    said = {"follow_up": follow_up, "agreed": agreed, "how": how, "by": str(recorded_by.pk), "informed": informed_ms}
    say("care-agreement", patient, said, now_ms=now_ms)


def join_team(
    patient: Account, follow_up: str, professional: Account, *, part: str, now_ms: int, since_ms: int | None = None,
    until_ms: int | None = None, replaces: Account | None = None,
) -> None:  # fmt: skip
    """Let a professional into the team, from `since_ms` (default: now) until `until_ms`: a replacement has both.

    Raises:
        RefusedError: other roles, a refused or ended follow-up, dates in the wrong order, somebody in the team already.
        OpposedError: the patient said no to the follow-up or to this professional.
    """
    care = _running(patient, follow_up, now_ms)
    _require_professional(professional)
    if care.agreed is False:
        raise RefusedError("the patient refused this follow-up")
    if opposed(facts_of(patient.pk), follow_up, str(professional.pk), at_ms=now_ms):
        raise OpposedError("the patient said no to this")
    since = now_ms if since_ms is None else max(now_ms, since_ms)
    require_period(since, until_ms)
    mine = FollowUp.objects.filter(patient=patient, professional=professional, care=follow_up)
    if any(row.until_ms is None or row.until_ms > since for row in mine):
        raise RefusedError("this professional is in the team already")
    said = {
        "professional": str(professional.pk), "since": since, "until": until_ms, "follow_up": follow_up,
        "part": text_of(part), "replaces": str(replaces.pk) if replaces else "",
    }  # fmt: skip

    def keep() -> None:
        FollowUp.objects.create(
            patient=patient, professional=professional, care=uuid.UUID(follow_up), since_ms=since, until_ms=until_ms
        )

    say("follow-up", patient, said, now_ms=now_ms, also=keep)


def leave_team(patient: Account, follow_up: str, professional: Account, *, now_ms: int) -> None:
    """From now on this professional is no longer in the team. Raises RefusedError when they are not."""
    mine = FollowUp.objects.filter(patient=patient, professional=professional, care=follow_up)
    open_now = mine.exclude(until_ms__lte=now_ms)
    if not open_now.exists():
        raise RefusedError("this professional is not in the team")

    def end() -> None:
        open_now.update(until_ms=now_ms)

    said = {"professional": str(professional.pk), "until": now_ms, "follow_up": follow_up}
    say("follow-up-end", patient, said, now_ms=now_ms, also=end)


def change_responsible(patient: Account, follow_up: str, responsible: Account, *, now_ms: int) -> None:
    """Another doctor answers for the follow-up from now on; join them to the team apart."""
    _running(patient, follow_up, now_ms)
    _require_professional(responsible)

    def keep() -> None:
        Ground.objects.filter(pk=follow_up).update(holder=str(responsible.pk))

    said = {"follow_up": follow_up, "responsible": str(responsible.pk)}
    say("care-responsible", patient, said, now_ms=now_ms, also=keep)


def pause_follow_up(
    patient: Account, follow_up: str, *, now_ms: int, until_ms: int | None = None, reason: str = ""
) -> None:
    """Nobody watches the measures meanwhile (hospital, holiday). The team may still read: the relation goes on."""
    care = _running(patient, follow_up, now_ms)
    require_period(now_ms, until_ms)
    if any(runs(p, now_ms) for p in care.pauses):
        raise RefusedError("this follow-up is paused already")
    said = {"follow_up": follow_up, "since": now_ms, "until": until_ms, "reason": text_of(reason, needed=False)}
    say("care-pause", patient, said, now_ms=now_ms)


def resume_follow_up(patient: Account, follow_up: str, *, now_ms: int) -> None:
    """End the pause. Raises RefusedError when there is none."""
    care = _running(patient, follow_up, now_ms)
    if not any(runs(p, now_ms) for p in care.pauses):
        raise RefusedError("this follow-up is not paused")
    say("care-resume", patient, {"follow_up": follow_up, "until": now_ms}, now_ms=now_ms)


def close_follow_up(patient: Account, follow_up: str, *, reason: str, now_ms: int) -> None:
    """End the care relation, and with it everybody's place in its team."""
    _running(patient, follow_up, now_ms)

    def end() -> None:
        FollowUp.objects.filter(patient=patient, care=follow_up).exclude(until_ms__lte=now_ms).update(until_ms=now_ms)
        Ground.objects.filter(pk=follow_up).update(until_ms=now_ms)

    said = {"follow_up": follow_up, "until": now_ms, "reason": text_of(reason)}
    say("care-end", patient, said, now_ms=now_ms, also=end)


def oppose(
    patient: Account, *, now_ms: int, follow_up: str = "", professional: Account | None = None,
    given_by: Account | None = None, way: str = "",
) -> None:  # fmt: skip
    """The patient's no, at once: to one follow-up, to one professional in any, or (neither named) to the whole team.

    `given_by`: who wrote it down at the desk, on what word (`way`).
    """
    require_patient(patient)
    name = str(professional.pk) if professional else ""
    if follow_up:
        _known(patient, follow_up)
    if _opposed(patient, follow_up, name, now_ms):
        return
    said = {"follow_up": follow_up, "professional": name, "since": now_ms} | written_by(patient, given_by, way)
    say("opposition", patient, said, now_ms=now_ms)


def lift_opposition(
    patient: Account, *, now_ms: int, follow_up: str = "", professional: Account | None = None
) -> None:
    """The patient takes the same no back. Raises RefusedError when it was not said."""
    name = str(professional.pk) if professional else ""
    if not _opposed(patient, follow_up, name, now_ms):
        raise RefusedError("there is no such opposition")
    say("opposition-end", patient, {"follow_up": follow_up, "professional": name, "until": now_ms}, now_ms=now_ms)


def follow_ups_of(patient: Account) -> tuple[Care, ...]:
    """Every care relation of a patient, as signed, ended ones included."""
    return facts_of(patient.pk).care


def _opposed(patient: Account, follow_up: str, professional: str, now_ms: int) -> Opposition | None:
    for said in facts_of(patient.pk).oppositions:
        if (said.follow_up, said.professional) == (follow_up, professional) and runs(said, now_ms):
            return said
    return None


def _require_welcome(patient: Account, operator: str, people: set[str], now_ms: int) -> None:
    """Nobody begins anew what the patient said no to, at the same place or with the same people.

    Only the patient's own word lifts it (`lift_opposition`). Raises OpposedError.
    """
    facts = facts_of(patient.pk)
    for said in (o for o in facts.oppositions if runs(o, now_ms)):
        if not said.follow_up and said.professional in ("", *people):
            raise OpposedError("the patient said no to this")
    for care in (c for c in facts.care if runs(c, now_ms)):
        team = {f.professional for f in facts.follows if f.follow_up == care.id} | {care.responsible, care.recorded_by}
        if opposed(facts, care.id, "", at_ms=now_ms) and (care.operator == operator or team & people):
            raise OpposedError("the patient said no to this")


def _known(patient: Account, follow_up: str) -> Care:
    for care in follow_ups_of(patient):
        if care.id == follow_up:
            return care
    raise NotFoundError("there is no such follow-up")


def _running(patient: Account, follow_up: str, now_ms: int) -> Care:
    care = _known(patient, follow_up)
    if care.until_ms is not None and care.until_ms <= now_ms:
        raise RefusedError("this follow-up is over")
    return care


def _require_professional(account: Account) -> None:
    if account.role != Account.Role.PROFESSIONAL or not account.is_active:
        raise RefusedError("this takes a professional's account")


def _require_traced(agreed: bool | None, how: str, informed_ms: int | None) -> None:
    if agreed is not None and how not in HOW:
        raise RefusedError("say how the answer was given: oral, paper or signed")
    if agreed and informed_ms is None:
        raise RefusedError("nobody agrees to what they were not told of: say when the patient was informed")
