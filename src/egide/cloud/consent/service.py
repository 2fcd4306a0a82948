"""Follow-ups begin and end; each change is a statement in the register, sealed for the patient."""

from __future__ import annotations

from egide.cloud.consent.models import FollowUp
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.errors import RefusedError

__all__ = ["end_follow_up", "start_follow_up"]


def start_follow_up(professional: Account, patient: Account, *, now_ms: int) -> None:
    """From now on; nothing changes if it is already so. Raises RefusedError for other roles."""
    if professional.role != Account.Role.PROFESSIONAL or patient.role != Account.Role.PATIENT:
        raise RefusedError("a professional follows a patient")
    if FollowUp.objects.filter(professional=professional, patient=patient, until_ms=None).exists():
        return

    def keep() -> None:
        FollowUp.objects.create(professional=professional, patient=patient, since_ms=now_ms)

    append_statement(
        "follow-up", patient.pk, {}, now_ms=now_ms, personal={"professional": str(professional.pk), "since": now_ms},
        sealed_for=care_key(patient.pk), also=keep,
    )  # fmt: skip


def end_follow_up(professional: Account, patient: Account, *, now_ms: int) -> None:
    """From now on the professional reads nothing. Ending what is not there is refused."""
    open_now = FollowUp.objects.filter(professional=professional, patient=patient, until_ms=None)
    if not open_now.exists():
        raise RefusedError("there is no such follow-up")

    def end() -> None:
        open_now.update(until_ms=now_ms)

    append_statement(
        "follow-up-end", patient.pk, {}, now_ms=now_ms,
        personal={"professional": str(professional.pk), "until": now_ms}, sealed_for=care_key(patient.pk), also=end,
    )  # fmt: skip
