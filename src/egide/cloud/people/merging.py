"""Two files of one person become one, and can be told apart again. Readings stay where they were measured.

Two people say so (merge_proposals): one proposes, another confirms, for a merge as for its undoing. A merge says whose
file leads to whose: lists show the kept one, the other's account is closed. It moves nothing: what
was measured under the merged file stays sealed under its own key, with its own grounds, and is read there, until two
people attribute it to the kept one (release.merged). Un-merging opens the account again, so nothing is lost by a merge
that was wrong.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.db import transaction

from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account, Invitation, Merge, SignInLink
from egide.cloud.people.proofing import require_desk
from egide.cloud.register.journal import append_statement
from egide.errors import RefusedError

__all__ = ["MergeTakenError", "kept_file", "merge", "merged_into", "require_mergeable", "unmerge"]


class MergeTakenError(RefusedError):
    """One of two files leads to another already, or another leads to it."""

    code = "merge-taken"
    hint = "undo that merge first"


def require_mergeable(kept: Account, merged: Account, *, by: Account, now_ms: int) -> None:
    """Raises:
    RefusedError: not two patients' open files. MergeTakenError: one is part of a merge that forbids this one.
    AccessDeniedError: `by` does not receive people where both are known.
    """
    for patient in (kept, merged):
        if patient.role != Account.Role.PATIENT or not patient.is_active:
            raise RefusedError("only patients' open files are merged")
        require_desk(patient, by=by, now_ms=now_ms)
    if kept.pk == merged.pk:
        raise RefusedError("a file is not merged with itself")
    _require_free(kept, merged)


def merge(
    kept: Account, merged: Account, *, by: Account, now_ms: int, proposal: str = "",
    also: Callable[[], None] | None = None,
) -> Merge:  # fmt: skip
    """From now on `merged` leads to `kept`. It does not ask for a second person: merge_proposals.confirm does.

    `also` runs in the same transaction. Raises as `require_mergeable` does.
    """
    require_mergeable(kept, merged, by=by, now_ms=now_ms)
    row = Merge(id=uuid.uuid4(), kept=kept, merged=merged, at_ms=now_ms)

    def keep() -> None:
        _require_free(kept, merged)  # under the register's lock: two at the same instant make no ring and no chain
        row.save(force_insert=True)
        _close(merged, now_ms)
        if also is not None:
            also()

    _say("merge", row, by, now_ms, keep, proposal)
    return row


def unmerge(
    row: Merge, *, by: Account, now_ms: int, proposal: str = "", also: Callable[[], None] | None = None
) -> None:
    """They were two people after all: the merged file is a file again, and its account can be invited anew.

    It does not ask for a second person, as `merge`. Raises as `merge` does; RefusedError: it is undone already.
    """
    for patient in (row.kept, row.merged):
        require_desk(patient, by=by, now_ms=now_ms)

    def keep() -> None:
        if not Merge.objects.filter(pk=row.pk, undone_ms=None).update(undone_ms=now_ms):
            raise RefusedError("this merge is undone")
        Account.objects.filter(pk=row.merged_id).update(is_active=True)
        if also is not None:
            also()

    _say("unmerge", row, by, now_ms, keep, proposal)


def kept_file(patient: Account) -> Account:
    """The file that this one leads to; itself when it was merged with none."""
    row = Merge.objects.filter(merged=patient, undone_ms=None).select_related("kept").first()
    return row.kept if row else patient


def merged_into(patient: Account) -> list[Account]:
    """The files that lead to this one: a reader of the person's history looks there too, each on its own ground."""
    rows = Merge.objects.filter(kept=patient, undone_ms=None).order_by("at_ms").select_related("merged")
    return [row.merged for row in rows]


def _require_free(kept: Account, merged: Account) -> None:
    open_now = Merge.objects.filter(undone_ms=None)
    if open_now.filter(merged__in=[kept, merged]).exists() or open_now.filter(kept=merged).exists():
        raise MergeTakenError("one of these files is part of a merge already")


def _close(account: Account, now_ms: int) -> None:
    Account.objects.filter(pk=account.pk).update(is_active=False)
    SignInLink.objects.filter(account=account, used_ms=None).update(used_ms=now_ms)
    Invitation.objects.filter(account=account, used_ms=None, withdrawn_ms=None).update(withdrawn_ms=now_ms)


def _say(kind: str, row: Merge, by: Account, now_ms: int, keep: Callable[[], None], proposal: str) -> None:
    """In both files: the statement that the kept one can read, and the one that the merged one can."""
    with transaction.atomic():
        for patient, other in ((row.kept, row.merged), (row.merged, row.kept)):
            kept = "kept" if patient.pk == row.kept_id else "merged"
            personal = {"merge": str(row.pk), "as": kept, "with": str(other.pk), "by": str(by.pk)}
            if proposal:
                personal["proposal"] = proposal  # says who was the first of the two
            append_statement(
                kind, patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk),
                also=keep if patient.pk == row.kept_id else None,
            )  # fmt: skip
