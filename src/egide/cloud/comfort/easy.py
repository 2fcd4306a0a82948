"""Easy-to-read words: of a grant, of taking part in research, of leaving safely.

Short sentences, one idea a line, a drawing beside each idea.

These are texts of their own with a version of their own: whoever reads them signs them, and not the longer ones. They
follow the published European advice on easy-to-read writing; nobody for whom they are meant has reviewed them yet, and
docs/rgaa.md says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

__all__ = [
    "GRANT_VERSION", "RESEARCH_VERSION", "Line", "grant_lines", "leave_lines", "leaving_lines", "research_lines",
    "text_of", "way_lines",
]  # fmt: skip

#: Of the text that is signed: another word is another version.
GRANT_VERSION: Final = "grant-easy-1"
RESEARCH_VERSION: Final = "research-easy-1"
_PURPOSES: Final = {
    "TREAT": gettext_noop("It is to treat me."),
    "CAREMGT": gettext_noop("It is to organise my care."),
    "FAMRQT": gettext_noop("It is to give my family news."),
    "SUPNWK": gettext_noop("It is to help me every day."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One idea. `picture` is an id in static/comfort/pictures.svg; it says nothing that the words do not say."""

    picture: str
    text: str
    items: tuple[str, ...] = ()


def grant_lines(who: str, *, what: Sequence[str] | None, since: str | None, until: str, purpose: str) -> list[Line]:
    """A grant in easy words.

    `what` names families, None is all of them; `since` is "" for what comes only, None for everything so far, else a
    day; `until` is the last day; `purpose` an HL7 code.
    """
    told = {"who": who}
    lines = [
        Line(picture="share", text=_("I share my measurements with %(who)s.") % told),
        *_seen_lines(who, what, since),
        Line(picture="day", text=_("It stops after this day: %(day)s.") % {"day": until}),
        Line(picture="stop", text=_("I can stop it earlier. I can stop it whenever I want.")),
    ]
    if purpose in _PURPOSES:
        lines.append(Line(picture="why", text=_(_PURPOSES[purpose])))
    return [
        *lines,
        Line(picture="no", text=_("I can say no.")),
        Line(picture="care", text=_("If I say no, my care stays the same.")),
    ]


def research_lines(
    who: str, place: str, *, title: str, what: Sequence[str] | None, since: str | None, until: str, purpose: str,
    ethics: str,
) -> list[Line]:  # fmt: skip
    """Taking part in a project in easy words; `what` and `since` as of a grant, the rest in the project's own words."""
    return [
        Line(picture="paper", text=_("I take part in a study. Its name: %(title)s.") % {"title": title}),
        Line(picture="person", text=_("%(who)s does this study. %(who)s works here: %(place)s.")
             % {"who": who, "place": place}),
        *_seen_lines(who, what, since),
        Line(picture="eye", text=_("%(who)s sees my name too.") % {"who": who}),
        Line(picture="why", text=_("The study wants to know: %(purpose)s") % {"purpose": purpose}),
        Line(picture="list", text=_("Other people checked that the study is fair: %(ethics)s") % {"ethics": ethics}),
        Line(picture="day", text=_("It stops after this day: %(day)s.") % {"day": until}),
        Line(picture="stop", text=_("I can stop it earlier. I can stop it whenever I want.")),
        Line(picture="no", text=_("I can say no.")),
        Line(picture="care", text=_("If I say no, my care stays the same.")),
    ]  # fmt: skip


def _seen_lines(who: str, what: Sequence[str] | None, since: str | None) -> list[Line]:
    told = {"who": who}
    if what is None:
        seen = Line(picture="eye", text=_("%(who)s can see all my measurements.") % told)
    else:
        seen = Line(picture="eye", text=_("%(who)s can see only:") % told, items=tuple(what))
    if since is None:
        past = _("%(who)s can also see my old measurements.") % told
    elif since:
        past = _("%(who)s can see what was measured after this day: %(day)s.") % {"who": who, "day": since}
    else:
        past = _("%(who)s cannot see my old measurements.") % told
    return [seen, Line(picture="clock", text=past)]


def leaving_lines(who: str, *, hidden: bool, team: bool, grounds: Sequence[str]) -> list[Line]:
    """What happens when the record is closed to somebody (`hidden`: only what comes), in easy words."""
    told = {"who": who}
    lines = [Line(picture="no", text=_("%(who)s cannot see your new measurements.") % told)]
    if hidden:
        lines.append(Line(picture="eye", text=_("%(who)s can still see your old measurements.") % told))
    else:
        lines.append(Line(picture="no", text=_("%(who)s cannot see your old measurements.") % told))
    lines.append(Line(picture="quiet", text=_("We send no message to %(who)s.") % told))
    if team:
        lines.append(Line(picture="care", text=_("%(who)s treats you. Perhaps nobody looks any more.") % told))
    if "representative" in grounds:
        lines.append(Line(picture="paper", text=_("%(who)s still has a paper to act for you.") % told))
    if "grant" in grounds and not hidden:
        lines.append(Line(picture="stop", text=_("%(who)s no longer helps you with your measurements.") % told))
    if "research" in grounds and not hidden:
        lines.append(Line(picture="paper", text=_("The project keeps what it already has.")))
    return lines


def text_of(lines: Sequence[Line]) -> str:
    """The very words that a person read, one line each: what they sign."""
    said = []
    for line in lines:
        said.append(line.text)
        said += [f"- {item}" for item in line.items]
    return "\n".join(said)


def leave_lines() -> list[Line]:
    """What the page to leave safely is for, and how to get away from it."""
    return [
        Line(picture="door", text=_("Here you stop showing your measurements.")),
        Line(picture="person", text=_("You choose to whom.")),
        Line(picture="quiet", text=_("We send no message to anybody.")),
        Line(picture="button", text=_("The red button closes this page. A weather page opens.")),
        Line(picture="key", text=_("Or press the Escape key 3 times.")),
        Line(picture="list", text=_("Take care: the browser keeps a list of the pages that you opened.")),
        Line(picture="person", text=_("Somebody can read this list. Ask a person you trust to delete it with you.")),
    ]


def way_lines() -> dict[str, list[Line]]:
    """The three ways to close the record, by their codes."""
    return {
        "now": [
            Line(picture="no", text=_("The person sees nothing any more.")),
            Line(picture="eye", text=_("The person can notice it.")),
        ],
        "later": [Line(picture="day", text=_("Before this day, nothing changes."))],
        "hidden": [
            Line(picture="eye", text=_("The person still sees your old measurements.")),
            Line(picture="no", text=_("The person does not see the new ones.")),
        ],
    }
