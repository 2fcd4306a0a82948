"""What a patient decides at the desk, aloud or on paper: written down by somebody named, under the patient's eyes.

Each act is the one of the patient's own pages, with who wrote it down and on what word in the signed statement. What
narrows never asks for a factor; what opens asks for the factor of who writes, who may not open a record to themselves.
The patient is told of each, and reads there by whom it was written.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from egide.cloud.consent import follow_ups, grants, projects, representation, restrictions
from egide.cloud.consent.acts import WAYS
from egide.cloud.consent.facts import (
    ACCOUNT,
    ESTABLISHMENT,
    EVERYONE,
    TEAM,
    Grant,
    Holder,
    Opposition,
    Participation,
    Restriction,
    Secret,
    runs,
)
from egide.cloud.consent.families import FAMILIES
from egide.cloud.consent.overview import AccessLine, who_may_see
from egide.cloud.consent.projects import Project
from egide.cloud.governance.acting import died_on
from egide.cloud.people.models import Account
from egide.cloud.portal import sharing
from egide.cloud.signin.notices import tell
from egide.errors import RefusedError

__all__ = [
    "NARROWING", "grants_running", "join", "projects_offered", "projects_running", "readers", "share", "team", "write",
    "written_words",
]  # fmt: skip


def written_words(said: Grant | Restriction | Opposition | Secret | Participation, patient: str = "") -> str:
    """By whom it was written down, and on what word; "" where the patient did it themselves."""
    if said.by in ("", patient or getattr(said, "patient", "")):
        return ""
    who = {"who": sharing.holder_name(sharing.account_holder(said.by))}
    if said.way == "paper":
        return _("Written down at the desk by %(who)s, from a paper that you signed") % who
    return _("Written down at the desk by %(who)s, as you said it") % who


def write(name: str, patient: Account, by: Account, said: QueryDict, now_ms: int) -> None:
    """What narrows: `name` is of NARROWING. The patient is told. Raises RefusedError, NotFoundError."""
    NARROWING[name](patient, by, said, _word(patient, by, said), now_ms)
    tell(patient, "desk", now_ms=now_ms)


def share(patient: Account, by: Account, said: QueryDict, now_ms: int) -> None:
    """A grant, as the patient's own page gives it.

    Raises:
        ForbiddenUseError: a use that nothing opens. RefusedError: an answer is missing, or it opens the record to
        who writes it down. NotFoundError: nobody of that name.
    """
    way = _word(patient, by, said)
    holder = sharing.find_holder(said.get("who", ""), patient)
    if holder.id == str(by.pk):
        raise RefusedError("nobody writes down that a record is opened to themselves")
    data, purpose = said.get("data", ""), said.get("for", "")
    if data not in sharing.DATA or purpose not in {c.value for c in sharing.purpose_choices("", holder)}:
        raise RefusedError("an answer is missing")
    draft = sharing.Draft(holder=holder, data=data)
    who = grants.reader_of(patient, holder)
    grants.give_grant(
        patient, who, families=_families(said), purpose=purpose, now_ms=now_ms,
        until_ms=sharing.until_of(said.get("until", ""), said.get("day", "")[:10], now_ms=now_ms),
        data_since_ms=draft.data_since_ms(now_ms), given_by=by, way=way,
    )  # fmt: skip
    tell(patient, "desk", now_ms=now_ms)
    if isinstance(who, Account):
        tell(who, "shared", now_ms=now_ms)


def join(patient: Account, by: Account, project: Project, shown: str, said: QueryDict, now_ms: int) -> None:
    """A part in research, after `shown` was read to them; it is not for its researcher to write down.

    Raises:
        RefusedError: no word, or as `join_project`.
    """
    way = _word(patient, by, said)
    projects.join_project(patient, project, shown=shown, now_ms=now_ms, given_by=by, way=way)
    tell(patient, "desk", now_ms=now_ms)
    tell(projects.require_open(project, now_ms=now_ms), "shared", now_ms=now_ms)


def projects_offered(patient: Account, places: Collection[uuid.UUID], *, now_ms: int) -> list[Project]:
    """The projects of the desk's own places that this patient may join now, and does not take part in."""
    here = [p for p in projects.offered_to(patient, now_ms=now_ms) if uuid.UUID(p.establishment) in places]
    return [p for p in here if projects.taking_part(patient, p, now_ms=now_ms) is None]


def projects_running(patient: Account, *, now_ms: int) -> list[Participation]:
    return [part for part in grants.research_of(patient) if runs(part, now_ms)]


def team(patient: Account, *, now_ms: int) -> list[AccessLine]:
    """Those of the care team who may see today: whom the patient can object to."""
    return [x for x in who_may_see(patient, now_ms=now_ms) if x.ground == "care-team" and x.state == "open"]


def readers(patient: Account, *, now_ms: int) -> list[Holder]:
    """From whom something can be hidden: everybody, or one who may see."""
    named = [x.holder for x in who_may_see(patient, now_ms=now_ms) if x.holder.kind in (ACCOUNT, ESTABLISHMENT, TEAM)]
    return [Holder(kind=EVERYONE), *dict.fromkeys(named)]


def grants_running(patient: Account, *, now_ms: int) -> list[Grant]:
    return [g for g in grants.grants_of(patient) if g.until_ms is None or now_ms < g.until_ms]


def _withdraw(patient: Account, by: Account, said: QueryDict, way: str, now_ms: int) -> None:
    grants.withdraw_grant(patient, said.get("grant", ""), now_ms=now_ms, by=by, way=way)


def _leave(patient: Account, by: Account, said: QueryDict, way: str, now_ms: int) -> None:
    grants.leave_research(patient, said.get("part", ""), now_ms=now_ms, by=by, way=way)


def _oppose(patient: Account, by: Account, said: QueryDict, way: str, now_ms: int) -> None:
    """To one professional of the team, or to all of it."""
    who = said.get("who", "")
    if who not in {"all", *(x.holder.id for x in team(patient, now_ms=now_ms))}:
        raise RefusedError("nobody of that name is in the team")
    professional = None if who == "all" else Account.objects.get(pk=uuid.UUID(who))
    follow_ups.oppose(patient, professional=professional, now_ms=now_ms, given_by=by, way=way)


def _hide(patient: Account, by: Account, said: QueryDict, way: str, now_ms: int) -> None:
    holder = next((h for h in readers(patient, now_ms=now_ms) if (h.id or EVERYONE) == said.get("who")), None)
    if holder is None:
        raise RefusedError("nobody of that name may see")
    who = None if holder.kind == EVERYONE else grants.reader_of(patient, holder)
    restrictions.restrict(patient, families=_families(said), who=who, now_ms=now_ms, given_by=by, way=way)


def _keep(patient: Account, by: Account, said: QueryDict, way: str, now_ms: int) -> None:
    representation.keep_secret(patient, _families(said) or FAMILIES, now_ms=now_ms, given_by=by, way=way)


NARROWING: Final[dict[str, Callable[[Account, Account, QueryDict, str, int], Any]]] = {
    "withdraw": _withdraw, "leave": _leave, "oppose": _oppose, "hide": _hide, "keep": _keep,
}  # fmt: skip


def _families(said: QueryDict) -> list[str] | None:
    if said.get("all"):
        return None
    named = [f for f in said.getlist("family") if f in FAMILIES]
    if not named:
        raise RefusedError("choose at least one kind of measurement")
    return named


def _word(patient: Account, by: Account, said: QueryDict) -> str:
    """Aloud or on paper, by a living patient who is somebody else. Raises RefusedError."""
    way = said.get("way", "")
    if way not in WAYS or by.pk == patient.pk or died_on(patient) is not None:
        raise RefusedError("say on what word it is written down: aloud, or on paper")
    return way
