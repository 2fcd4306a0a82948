"""A request as a page shows it: words, times, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from egide.cloud.governance.duties import Source, duties
from egide.cloud.governance.erasing import complete_on
from egide.cloud.governance.models import Request
from egide.cloud.governance.requests import Step, story
from egide.cloud.governance.words import class_words, right_words, state_words, step_words
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of

__all__ = ["Line", "Told", "line_of", "told"]

_DAY_MS: Final = 86_400_000
_SOON_MS: Final = 3 * _DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLine:
    """What was decided of one class."""

    name: str
    erased: bool
    sources: str
    until: date | None
    complete_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One step of the story."""

    title: str
    at_ms: int
    who: str
    text: str
    entry: int
    classes: tuple[ClassLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One request in a list."""

    request: Request
    title: str
    state: str
    open: bool
    late: bool
    soon: bool
    early: bool  # not to be answered yet
    days: int  # left, or since
    who: str
    sources: tuple[Source, ...]


def line_of(request: Request, *, now_ms: int, named: bool = False) -> Line:
    """`named`: with the patient's name, for a desk of the same establishment."""
    left = request.due_ms - now_ms
    is_open = request.state == Request.State.OPEN
    return Line(
        request=request,
        title=right_words(request.kind).desk if named else right_words(request.kind).title,
        state=state_words(request.state),
        open=is_open,
        late=is_open and left <= 0,
        soon=is_open and 0 < left <= _SOON_MS,
        early=is_open and now_ms < request.not_before_ms,
        days=abs(left) // _DAY_MS,
        who=name_of(request.patient) if named else "",
        sources=duties().rights[request.kind].sources,
    )


def told(request: Request, *, desk: bool = False) -> list[Told]:
    """The story in words; the people in it by their names, the patient's too at the desk."""
    steps = story(request)
    names = _names(steps)
    return [
        Told(
            title=step_words(step.step), at_ms=step.at_ms, who=_who(step, request, names, desk), text=step.text,
            entry=step.entry, classes=tuple(_class(line, step.at_ms, desk) for line in step.classes),
        )
        for step in steps
    ]  # fmt: skip


def _class(line: Sequence[str], at_ms: int, desk: bool) -> ClassLine:
    klass, decision, sources, until = line
    return ClassLine(
        name=class_words(klass, desk=desk), erased=decision == "erased", sources=sources,
        until=date.fromisoformat(until) if until else None, complete_ms=complete_on(at_ms),
    )  # fmt: skip


def _who(step: Step, request: Request, names: dict[str, str], desk: bool) -> str:
    if step.by == str(request.patient_id) and not desk:
        return ""
    name = names.get(step.by, _("a closed account"))
    return _("%(name)s, for the person") % {"name": name} if step.step == "asked" and step.via == "desk" else name


def _names(steps: Sequence[Step]) -> dict[str, str]:
    ids = {UUID(step.by) for step in steps if step.by}
    return {str(account.pk): name_of(account) for account in Account.objects.filter(pk__in=ids)}
