"""After a merge, what was measured under the merged file may go to the kept one; after an un-merge, it comes back.

A merge moves nothing by itself (people.merging): each pairing's readings are attributed like any others, by two people.
"""

from __future__ import annotations

from egide.cloud.fleet.models import Attribution, Pairing
from egide.cloud.people.models import Account, Merge
from egide.cloud.release.attribution import propose, propose_undo
from egide.cloud.vault.holding import counted
from egide.errors import RefusedError

__all__ = ["propose_after_merge", "propose_after_unmerge"]


def propose_after_merge(row: Merge, *, reason: str, by: Account, now_ms: int) -> list[Attribution]:
    """Propose that all that the merged file's objects measured is the kept file's, for a second person to confirm.

    What is attributed already, or of which nothing is left, is passed over.
    Raises RefusedError: the merge is undone. Others as `propose`.
    """
    if row.undone_ms is not None:
        raise RefusedError("this merge is undone")
    found = []
    for pairing in Pairing.objects.filter(patient=row.merged).select_related("patient").order_by("pk"):
        said = pairing.attributions.filter(undone_ms=None, refused_ms=None, kind=Attribution.Kind.MOVED)
        if said.exists() or not counted(pairing, 0, None, row.merged_id).inside:
            continue
        found.append(propose(pairing, row.kept, since_ms=0, until_ms=None, reason=reason, by=by, now_ms=now_ms))
    return found


def propose_after_unmerge(row: Merge, *, by: Account, now_ms: int) -> list[Attribution]:
    """They were two people: propose that what went to the kept file since the merge comes back.

    Raises RefusedError: the merge is not undone. Others as `propose_undo`.
    """
    if row.undone_ms is None:
        raise RefusedError("this merge is not undone")
    moved = Attribution.objects.filter(
        kind=Attribution.Kind.MOVED, pairing__patient=row.merged, to=row.kept, undone_ms=None, at_ms__gte=row.at_ms
    )
    found = list(moved.select_related("pairing__patient", "to").order_by("at_ms", "pk"))
    for attribution in found:
        propose_undo(attribution, by=by, now_ms=now_ms)
    return found
