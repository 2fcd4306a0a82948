"""What else was written about a patient, in plain words: grants, follow-ups, identity, objects, erasures, merges...

Everything that the register holds about the record is told, but what stands elsewhere on the same page (accesses,
questions) and the patient's own memory of leaving. A kind that has no sentence yet is told by its name: nothing is left
out because nobody wrote words for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.consent.attested import read_statement
from egide.cloud.people.models import Account
from egide.cloud.portal.visits import PAUSE_MS
from egide.cloud.register.models import Statement

__all__ = ["ELSEWHERE", "SENTENCES", "Happening", "Happenings", "grouped", "happenings_of"]

#: Told on their own: accesses as visits, questions beside their line; the memory of leaving safely is never listed.
ELSEWHERE: Final = frozenset({"access", "journal-question", "journal-answer", "setting"})
_MOST: Final = 300
Facts = Mapping[str, Any]

#: kind -> sentence. `%(who)s` is the person of the statement's field that _WHO names.
SENTENCES: Final[Mapping[str, str]] = {
    "identity": gettext_noop("Your identity was written down or corrected."),
    "registration": gettext_noop("You were registered: people who work there can find you by name and birth date."),
    "registration-end": gettext_noop("A registration ended: nobody finds you there any more."),
    "registration-refused": gettext_noop("Somebody tried to register you with a wrong birth date, and was refused."),
    "invitation": gettext_noop("You were invited to open this account."),
    "invitation-end": gettext_noop("An invitation to open this account was withdrawn: its code opens nothing."),
    "agreement": gettext_noop("What you said at the desk was recorded."),
    "agreement-confirmed": gettext_noop("You confirmed what you had said at the desk."),
    "agreement-withdrawn": gettext_noop("What you had said at the desk was withdrawn."),
    "agreement-scan": gettext_noop("The scan of what you had said at the desk was opened."),
    "merge": gettext_noop("Two files of yours became one."),
    "unmerge": gettext_noop("Two files that had become one were told apart again."),
    "merge-proposal": gettext_noop("Somebody proposed to merge two files of yours, or to tell them apart again."),
    "merge-refusal": gettext_noop("A proposal about two files of yours was refused: nothing changed."),
    "search": gettext_noop("You were found by a search by name and birth date."),
    "follow-up": gettext_noop("%(who)s joined your care team."),
    "follow-up-end": gettext_noop("%(who)s left your care team."),
    "care-begin": gettext_noop("A follow-up began; %(who)s answers for it."),
    "care-responsible": gettext_noop("%(who)s answers for a follow-up from now on."),
    "care-pause": gettext_noop("A follow-up was paused: nobody watches the measurements meanwhile."),
    "care-resume": gettext_noop("A follow-up went on after a pause."),
    "care-hours": gettext_noop("%(who)s said in which hours a follow-up is watched."),
    "care-end": gettext_noop("A follow-up ended, and its team sees nothing any more."),
    "opposition": gettext_noop("You objected: a follow-up, or somebody in it, sees nothing any more."),
    "opposition-end": gettext_noop("You took back an objection."),
    "grant": gettext_noop("You let %(who)s see measurements of yours."),
    "grant-end": gettext_noop("A permission that you had given ended."),
    "restriction": gettext_noop("You hid measurements."),
    "restriction-end": gettext_noop("You showed again what you had hidden."),
    "representation": gettext_noop("%(who)s was recorded as acting for you."),
    "representation-end": gettext_noop("Somebody no longer acts for you."),
    "representation-stop": gettext_noop("A decision suspended somebody who acts for you."),
    "representation-resume": gettext_noop("Somebody acts for you again."),
    "secret": gettext_noop("You keep measurements from whoever acts for you."),
    "secret-end": gettext_noop("You no longer keep measurements from whoever acts for you."),
    "research": gettext_noop("You joined a research project."),
    "research-end": gettext_noop("You left a research project."),
    "emergency": gettext_noop("%(who)s opened your record in an emergency: “%(reason)s”"),
    "emergency-end": gettext_noop("An opening in an emergency was ended."),
    "emergency-refusal": gettext_noop("You refused that emergencies open what you hide."),
    "emergency-consent": gettext_noop("You allowed again that emergencies open what you hide."),
    "death": gettext_noop("A death was recorded."),
    "pairing": gettext_noop("An object began to measure for you."),
    "unpairing": gettext_noop("An object no longer measures for you."),
    "attribution": gettext_noop("Measurements were attributed anew."),
    "supersession": gettext_noop("A system corrected a measurement that it had sent: both stay in the register."),
    "attribution-end": gettext_noop("Measurements were attributed anew."),
    "attribution-told": gettext_noop("Somebody who had seen measurements that were attributed anew was told."),
    "stream-end": gettext_noop("%(who)s closed a page that had stayed open on your measurements."),
    "right": gettext_noop("A request about your rights moved on."),
    "destruction": gettext_noop("The end of the care record's term was looked at."),
    "erasure": gettext_noop("Data were erased for good."),
    "form": gettext_noop("A form was made and sealed."),
    "factor": gettext_noop("A key or a code of your account was added."),
    "factor-end": gettext_noop("A key or a code of your account was removed."),
    "recovery-ask": gettext_noop("At the desk, it was asked to open this account anew."),
    "recovery-approval": gettext_noop("A second person approved opening this account anew."),
    "recovery-stop": gettext_noop("Opening this account anew was stopped."),
    "recovery-done": gettext_noop("This account was opened anew."),
    "name-withheld": gettext_noop("It was asked that a name of this journal be replaced by the name of the service."),
}
#: The field that names the person of a sentence.
_WHO: Final = {
    "follow-up": "professional", "follow-up-end": "professional", "care-begin": "responsible",
    "care-hours": "by",
    "care-responsible": "responsible", "grant": "holder", "representation": "representative", "emergency": "reader",
    "stream-end": "reader",
}  # fmt: skip
#: Who asked that their name be withheld is not named by the asking.
_UNNAMED: Final = frozenset({"name-withheld"})
#: Where a statement says who did it, first found first.
_BY: Final = ("by", "reader", "reviewer", "recorded_by")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One statement in words, by whom (an account id, "" when it does not say)."""

    entry: int
    at_ms: int
    kind: str
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happenings:
    """What one person did without a long pause, latest first."""

    by: str
    lines: tuple[Happening, ...]

    @property
    def at_ms(self) -> int:
        return self.lines[0].at_ms

    @property
    def first_ms(self) -> int:
        return self.lines[-1].at_ms


def happenings_of(
    patient: Account, names_of: Callable[[set[str]], Mapping[str, str]], *, since: int = 0, before: int | None = None,
    kinds: Iterable[str] | None = None,
) -> list[Happening]:  # fmt: skip
    """What stands between two entries, latest first, 300 at most. The caller makes sure that the patient looks.

    A statement whose signature or seal does not hold says only that it is damaged.
    """
    rows = Statement.objects.filter(subject=patient.pk, entry__gte=since).exclude(kind__in=ELSEWHERE)
    if before is not None:
        rows = rows.filter(entry__lt=before)
    if kinds is not None:
        rows = rows.filter(kind__in=list(kinds))
    opened = [(row, read_statement(row)) for row in rows.order_by("-entry")[:_MOST]]
    said = [(row, {**read.facts, **(read.personal or {})} if read else None) for row, read in opened]
    ids = {str(facts.get(key, "")) for _row, facts in said if facts for key in (*_BY, *_WHO.values())}
    names = names_of({name for name in ids if _is_id(name)})
    return [
        Happening(
            entry=row.entry, at_ms=row.at_ms, kind=row.kind, text=_text(row, facts, names),
            by="" if row.kind in _UNNAMED else _by(facts or {}),
        )
        for row, facts in said
    ]  # fmt: skip


def grouped(lines: Iterable[Happening]) -> list[Happenings]:
    """By who did it, without a pause of half an hour; lines are given latest first. Each is in exactly one group."""
    found: list[list[Happening]] = []
    open_now: dict[str, list[Happening]] = {}
    for line in lines:
        group = open_now.get(line.by)
        if group is None or group[-1].at_ms - line.at_ms > PAUSE_MS:
            group = open_now[line.by] = []
            found.append(group)
        group.append(line)
    return [Happenings(by=group[0].by, lines=tuple(group)) for group in found]


def _by(facts: Facts) -> str:
    return next((str(facts[key]) for key in _BY if isinstance(facts.get(key), str) and facts[key]), "")


def _text(row: Statement, facts: Facts | None, names: Mapping[str, str]) -> str:
    if facts is None:
        return _("This line can no longer be read: its signature or its seal does not hold.")
    special = _SPECIAL.get(row.kind)
    if special is not None:
        return special(facts)
    sentence = SENTENCES.get(row.kind)
    if sentence is None:
        return _("Another line of the register: %(kind)s.") % {"kind": row.kind}
    who = str(facts.get(_WHO.get(row.kind, ""), ""))
    if row.kind == "stream-end" and who == str(row.subject):
        return _("You closed a page that had stayed open on your measurements.")
    told = {"who": names.get(who, _("somebody whose account is closed")), "reason": facts.get("reason", "")}
    return _(sentence) % told


def _proofing(facts: Facts) -> str:
    match facts.get("level"):
        case 3:
            return _("Your identity was proved by electronic identification.")
        case 2:
            return _("Your identity was checked at the desk, on a document.")
        case _:
            return _("You said who you are; nobody checked it.")


def _contact(facts: Facts) -> str:
    if facts.get("act") == "added":
        return _("An address or a number to reach you was added.")
    return _("An address or a number to reach you was removed.")


def _agreed(facts: Facts) -> str:
    return _("You agreed to a follow-up.") if facts.get("agreed") else _("You refused a follow-up.")


def _review(facts: Facts) -> str:
    told = {"note": facts.get("note", "")}
    if facts.get("verdict") == "justified":
        return _("A second person found the emergency justified: “%(note)s”") % told
    return _("A second person found the emergency not justified: “%(note)s”") % told


def _withheld(facts: Facts) -> str:
    if facts.get("verdict") == "accepted":
        told = {"note": facts.get("note", "")}
        return _("The data protection officer let the name of the service stand for a name: “%(note)s”") % told
    return _("The data protection officer refused that a name be replaced by the name of the service.")


_SPECIAL: Final[Mapping[str, Callable[[Facts], str]]] = {
    "proofing": _proofing,
    "contact": _contact,
    "care-agreement": _agreed,
    "emergency-review": _review,
    "name-withheld-review": _withheld,
}


def _is_id(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4
