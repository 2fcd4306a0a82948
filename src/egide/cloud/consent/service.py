"""Follow-ups without papers: begun and ended by one command. With papers: follow_ups.py."""

from __future__ import annotations

from egide.cloud.consent.acts import say
from egide.cloud.consent.models import FollowUp
from egide.cloud.people.models import Account
from egide.errors import RefusedError

__all__ = ["end_follow_up", "start_follow_up"]


def start_follow_up(professional: Account, patient: Account, *, now_ms: int) -> None:
    """From now on; nothing changes if it is already so. Raises RefusedError for other roles."""
    if professional.role != Account.Role.PROFESSIONAL or patient.role != Account.Role.PATIENT:
        raise RefusedError("a professional follows a patient")
    if FollowUp.objects.filter(professional=professional, patient=patient, care=None, until_ms=None).exists():
        return

    def keep() -> None:
        FollowUp.objects.create(professional=professional, patient=patient, since_ms=now_ms)

    said = {"professional": str(professional.pk), "since": now_ms}
    say("follow-up", patient, said, now_ms=now_ms, also=keep)


def end_follow_up(professional: Account, patient: Account, *, now_ms: int) -> None:
    """From now on the professional reads nothing as one of the team. Ending what is not there is refused."""
    open_now = FollowUp.objects.filter(professional=professional, patient=patient).exclude(until_ms__lte=now_ms)
    if not open_now.exists():
        raise RefusedError("there is no such follow-up")

    def end() -> None:
        open_now.update(until_ms=now_ms)

    said = {"professional": str(professional.pk), "until": now_ms}
    say("follow-up-end", patient, said, now_ms=now_ms, also=end)
