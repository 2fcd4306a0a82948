"""Two files are merged, and told apart again, by two people: one proposes, another confirms within seven days.

    propose_merge, propose_unmerge -> confirm | refuse

A proposal changes nothing. It is a statement in both files, sealed for each, with who proposed and why; what closes it
is the signed merge, un-merge or refusal that names it. The topic's row is where it is found, and decides nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.keys.records import care_key
from egide.cloud.people import merging
from egide.cloud.people.models import Account, Merge
from egide.cloud.people.offices import offices_of
from egide.cloud.people.proofing import require_desk, signed_facts
from egide.cloud.people.registrations import registered_at
from egide.cloud.people.scope import Scope
from egide.cloud.people.second import require_second
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Topic
from egide.cloud.register.store import appending
from egide.cloud.register.topics import begin_topic, end_topic
from egide.errors import AccessDeniedError, EgideError, NotFoundError, RefusedError

__all__ = [
    "KIND", "LIFE_MS", "LOOKS", "MergeProposal", "MergeWaitingError", "ReasonError", "confirm", "may_decide",
    "may_look", "proposal_of", "propose_merge", "propose_unmerge", "refuse", "waiting_for",
]  # fmt: skip

KIND: Final = "merge-proposal"
REFUSAL: Final = "merge-refusal"
#: The office that looks at merges and decides none.
LOOKS: Final = "dpo"
LIFE_MS: Final = 7 * 86_400_000
_MAX_REASON: Final = 500


class MergeWaitingError(RefusedError):
    """The same is proposed already."""

    code = "merge-waiting"
    hint = "somebody else confirms or refuses that proposal first"


class ReasonError(RefusedError):
    """What two people decide is said with its reason."""

    code = "reason-needed"
    hint = "say in a few words what shows it"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeProposal:
    """What waits for a second person. `merge` is the one to undo, None when two files are to become one."""

    id: str
    kept: Account
    merged: Account
    merge: Merge | None
    by: Account
    reason: str
    at_ms: int

    @property
    def lapses_ms(self) -> int:
        return self.at_ms + LIFE_MS


def propose_merge(kept: Account, merged: Account, *, reason: str, by: Account, now_ms: int) -> str:
    """Say that both files are one person's; the id of the proposal.

    Raises:
        ReasonError, MergeWaitingError; others as `merging.require_mergeable` does.
    """
    merging.require_mergeable(kept, merged, by=by, now_ms=now_ms)
    return _propose(kept, merged, "", reason, by, now_ms)


def propose_unmerge(row: Merge, *, reason: str, by: Account, now_ms: int) -> str:
    """Say that they were two people after all. Raises as `propose_merge` does; RefusedError: it is undone already."""
    for patient in (row.kept, row.merged):
        require_desk(patient, by=by, now_ms=now_ms)
    if not Merge.objects.filter(pk=row.pk, undone_ms=None).exists():
        raise RefusedError("this merge is undone")
    return _propose(row.kept, row.merged, str(row.pk), reason, by, now_ms)


def confirm(proposal: MergeProposal, *, by: Account, now_ms: int) -> Merge:
    """Do it, as a second person.

    Raises:
        SecondPersonError: who proposed it, or another account of the same name. RefusedError: decided or lapsed.
        AccessDeniedError: one of the two may not, the one who proposed included, if dismissed since.
        MergeTakenError: something else was merged since.
    """
    require_second(proposal.by, by)
    _require_open(proposal, now_ms)
    for patient in (proposal.kept, proposal.merged):
        require_desk(patient, by=proposal.by, now_ms=now_ms)
    with appending():  # of two decisions at the same instant, one is first
        _require_open(proposal, now_ms)
        kind = "unmerge" if proposal.merge else "merge"

        def close() -> None:
            end_topic(KIND, proposal.id, proposal.kept.pk, by=kind)

        if proposal.merge is None:
            return merging.merge(proposal.kept, proposal.merged, by=by, now_ms=now_ms, proposal=proposal.id, also=close)
        merging.unmerge(proposal.merge, by=by, now_ms=now_ms, proposal=proposal.id, also=close)
        proposal.merge.undone_ms = now_ms
        return proposal.merge


def refuse(proposal: MergeProposal, *, by: Account, now_ms: int) -> None:
    """Say no, or take back one's own: nothing changes. Raises RefusedError: decided or lapsed; AccessDeniedError."""
    for patient in (proposal.kept, proposal.merged):
        require_desk(patient, by=by, now_ms=now_ms)
    with appending():
        _require_open(proposal, now_ms)
        for patient in (proposal.kept, proposal.merged):
            _say(REFUSAL, patient, {"proposal": proposal.id, "by": str(by.pk)}, now_ms)
        end_topic(KIND, proposal.id, proposal.kept.pk, by=REFUSAL)


def waiting_for(reader: Account, scope: Scope, *, now_ms: int, to_look: bool = False) -> list[MergeProposal]:
    """What waits for a second person where the reader receives both people, the oldest first.

    `to_look`: what they may look at, deciding or not.
    """
    rows = Topic.objects.filter(kind=KIND, settled=None, subject__in=scope.patients().values("pk")).order_by("entry")
    found = []
    for name, subject in rows.values_list("name", "subject"):
        try:
            proposal = _read(name, subject)
            _require_open(proposal, now_ms)
            if not may_decide(reader, proposal.kept, proposal.merged, now_ms=now_ms) and not (
                to_look and may_look(reader, proposal.kept, proposal.merged, now_ms=now_ms)
            ):
                continue
        except EgideError:  # decided, lapsed, another desk's, or its record was erased
            continue
        found.append(proposal)
    return found


def may_decide(reader: Account, *patients: Account, now_ms: int) -> bool:
    """Whether the reader receives each of these people at a desk."""
    try:
        for patient in patients:
            require_desk(patient, by=reader, now_ms=now_ms)
    except AccessDeniedError:
        return False
    return True


def may_look(reader: Account, *patients: Account, now_ms: int) -> bool:
    """Whether the reader answers for the data of each, as the data protection officer of a place that knows them."""
    places = {m.establishment_id for m in offices_of(reader, now_ms=now_ms) if m.office == LOOKS}
    return bool(places) and all(places & registered_at(patient) for patient in patients)


def proposal_of(reader: Account, scope: Scope, name: str, *, now_ms: int) -> MergeProposal:
    """Raises NotFoundError: none of that id waits here."""
    for proposal in waiting_for(reader, scope, now_ms=now_ms):
        if proposal.id == name:
            return proposal
    raise NotFoundError("no such proposal waits here")


def _propose(kept: Account, merged: Account, merge: str, reason: str, by: Account, now_ms: int) -> str:
    text = " ".join(reason.split())
    if not text or len(text) > _MAX_REASON or not text.isprintable():
        raise ReasonError("a reason has 1 to 500 printable characters")
    name = str(uuid.uuid4())
    with appending():
        _require_new(kept, merged, merge, now_ms)
        for patient, other in ((kept, merged), (merged, kept)):
            said = {
                "proposal": name, "merge": merge, "as": "kept" if patient.pk == kept.pk else "merged",
                "with": str(other.pk), "by": str(by.pk), "reason": text,
            }  # fmt: skip
            _say(KIND, patient, said, now_ms)
        begin_topic(KIND, name, kept.pk)
    return name


def _require_new(kept: Account, merged: Account, merge: str, now_ms: int) -> None:
    pair = {kept.pk, merged.pk}
    rows = Topic.objects.filter(kind=KIND, settled=None, subject__in=pair)
    for name, subject in rows.values_list("name", "subject"):
        try:
            one = _read(name, subject)
            _require_open(one, now_ms)
        except EgideError:
            continue
        if {one.kept.pk, one.merged.pk} == pair and bool(one.merge) == bool(merge):
            raise MergeWaitingError("the same is proposed already")


def _require_open(proposal: MergeProposal, now_ms: int) -> None:
    closed = {facts.get("proposal") for _, facts in signed_facts(proposal.kept, "merge", "unmerge", REFUSAL)}
    if proposal.id in closed or now_ms >= proposal.lapses_ms:
        raise RefusedError("this proposal was decided, or has lapsed")


def _read(name: str, subject: uuid.UUID | None) -> MergeProposal:
    """Raises NotFoundError: no signed statement of this file says so."""
    kept = Account.objects.filter(pk=subject).first() if subject else None
    for at_ms, facts in signed_facts(kept, KIND) if kept else ():
        if kept and facts.get("proposal") == name and facts.get("as") == "kept":
            try:
                return _built(name, kept, at_ms, facts)
            except (KeyError, ValueError, Merge.DoesNotExist) as err:
                raise NotFoundError("this proposal names somebody who is gone") from err
    raise NotFoundError("no such proposal")


def _built(name: str, kept: Account, at_ms: int, facts: dict[str, Any]) -> MergeProposal:
    merged, by = (uuid.UUID(facts[who]) for who in ("with", "by"))
    people = Account.objects.in_bulk([merged, by])
    rows = Merge.objects.select_related("kept", "merged")
    return MergeProposal(
        id=name, kept=kept, merged=people[merged], by=people[by], reason=facts["reason"], at_ms=at_ms,
        merge=rows.get(pk=uuid.UUID(facts["merge"])) if facts["merge"] else None,
    )  # fmt: skip


def _say(kind: str, patient: Account, personal: dict[str, Any], now_ms: int) -> None:
    append_statement(kind, patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk))
