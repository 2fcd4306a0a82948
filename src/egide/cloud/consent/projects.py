"""Research projects. A researcher describes one, another person declares it; then patients may take part, or not.

What counts is the signed statement: what is asked, of whom, what for, until when, on whose opinion. No patient and
nobody's name stands in it. A proposal is a row that waits for the second person, and opens nothing.
"""

from __future__ import annotations

import functools
import json
import uuid
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from egide import cbor
from egide.cloud.consent.acts import require_period, text_of
from egide.cloud.consent.facts import Participation, runs
from egide.cloud.consent.families import FAMILIES, require_families
from egide.cloud.consent.grants import holder_of as reader_held
from egide.cloud.consent.grants import join_research, require_sector, research_of
from egide.cloud.consent.models import Ground, ProjectProposal
from egide.cloud.consent.signing import Signed, require_about, uri_of
from egide.cloud.people.attested import attested_kinds
from egide.cloud.people.authority import require_steering
from egide.cloud.people.establishments import place_of
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import holder_of, require_office
from egide.cloud.people.registrations import registered_at
from egide.cloud.people.second import require_second
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import AccessDeniedError, EgideError, NotFoundError, RefusedError
from egide.trust.cose import PublicKey, Sign1
from egide.trust.grant import RESEARCH
from egide.trust.limits import LIMITS

__all__ = [
    "MAX_TITLE", "OFFICE", "PURPOSE", "SECOND", "Project", "Terms", "approve_project", "close_project",
    "declared_projects", "join_project", "offered_to", "project_of", "propose_project", "refuse_project",
    "require_open", "taking_part", "terms_of", "waiting_projects",
]  # fmt: skip

DECLARED: Final = "project"
CLOSED: Final = "project-close"
OFFICE: Final = "researcher"
SECOND: Final = "dpo"
MAX_TITLE: Final = 120
#: What a signed yes says that it is for (HL7 v3 PurposeOfUse).
PURPOSE: Final = "HRESCH"
_LAPSES_MS: Final = 30 * 86_400_000
_LONGEST_MS: Final = 5 * 366 * 86_400_000
_DAY_MS: Final = 86_400_000
_MOST_PAST: Final = 3_650  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a project asks of whoever takes part. `past_days` of data before they join; None: all of them."""

    title: str
    purpose: str
    ethics: str  # the opinion that lets it be: who gave it, its number, its day
    families: frozenset[str]
    past_days: int | None
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A declared project: who reads, where they work, on what terms. Closed: nobody joins any more."""

    id: str
    establishment: str
    researcher: str
    terms: Terms
    declared_ms: int
    closed_ms: int | None = None

    def open(self, now_ms: int) -> bool:
        """Whether somebody may join now."""
        return now_ms < self.terms.until_ms and (self.closed_ms is None or now_ms < self.closed_ms)

    def data_since_ms(self, now_ms: int) -> int | None:
        """The earliest measurement that the project reads of somebody who joins now; None: the first."""
        return None if self.terms.past_days is None else now_ms - self.terms.past_days * _DAY_MS


def propose_project(
    researcher: Account, establishment: Establishment, terms: Terms, *, now_ms: int
) -> ProjectProposal:
    """Describe a project of one's own. It is nothing before a second person declares it, and lapses after 30 days.

    Raises:
        AccessDeniedError: no researcher there. ForbiddenUseError: an insurer, an employer, a bank.
        RefusedError: a text is missing or too long, no family, a period that cannot be.
    """
    require_office(researcher, OFFICE, now_ms=now_ms, establishment=establishment)
    require_sector(establishment)
    clean = _clean(terms, now_ms)
    return ProjectProposal.objects.create(
        establishment=establishment, researcher=researcher, terms=json.dumps(_said(clean)), proposed_ms=now_ms,
        lapses_ms=now_ms + _LAPSES_MS,
    )  # fmt: skip


def approve_project(proposal: ProjectProposal, *, by: Account, now_ms: int) -> Project:
    """Declare it, as the data protection officer of that place: from now on patients may join.

    Raises:
        AccessDeniedError: another office, or the researcher's ended. SecondPersonError: the researcher themselves.
        RefusedError: decided or lapsed, or its end is near or past.
    """
    place, researcher = proposal.establishment, proposal.researcher
    _require_second_office(by, place, now_ms)
    require_second(researcher, by)
    require_office(researcher, OFFICE, now_ms=now_ms, establishment=place)
    require_sector(place, attested_kinds().get(str(place.pk), ""))
    terms = _clean(terms_of(proposal), now_ms)
    facts = {
        "project": str(proposal.pk), "establishment": str(place.pk), "researcher": str(researcher.pk),
        "by": [str(researcher.pk), str(by.pk)], **_said(terms),
    }  # fmt: skip
    append_statement(
        DECLARED, None, facts, now_ms=now_ms, also=lambda: _decide(proposal, by, now_ms, approved=True)
    )
    return project_of(str(proposal.pk))


def refuse_project(proposal: ProjectProposal, *, by: Account, now_ms: int) -> None:
    """Refuse it, or take back one's own. Raises AccessDeniedError, RefusedError."""
    if by.pk != proposal.researcher_id:
        _require_second_office(by, proposal.establishment, now_ms)
    with transaction.atomic():
        _decide(proposal, by, now_ms, approved=False)


def close_project(project: Project, *, by: Account, now_ms: int) -> None:
    """Nobody joins it any more; whoever takes part goes on until they leave, or its end. It narrows: one person does.

    Raises:
        AccessDeniedError: neither its researcher nor a data protection officer there. RefusedError: closed already.
    """
    if str(by.pk) != project.researcher or not by.is_active:
        _require_second_office(by, Establishment.objects.get(pk=uuid.UUID(project.establishment)), now_ms)
    if not project.open(now_ms):
        raise RefusedError("this project is closed already")
    append_statement(CLOSED, None, {"project": project.id, "until": now_ms, "by": str(by.pk)}, now_ms=now_ms)


def declared_projects() -> dict[str, Project]:
    """Every declared project, by its id, as signed: a statement that does not hold says nothing."""
    found: dict[str, Project] = {}
    key = platform().signer.public_key
    rows = Statement.objects.filter(kind__in=(DECLARED, CLOSED)).order_by("entry")
    for body in rows.values_list("body", flat=True):
        match _read(bytes(body), key):
            case (kind, at_ms, {"project": str(name)} as facts) if kind == DECLARED:
                found.setdefault(name, _project(name, facts, at_ms))
            case (kind, _, {"project": str(name), "until": int(until)}) if kind == CLOSED and name in found:
                found[name] = _closed(found[name], until)
    return found


def project_of(name: str) -> Project:
    """Raises NotFoundError: nobody declared it."""
    project = declared_projects().get(name)
    if project is None:
        raise NotFoundError("there is no such project")
    return project


def waiting_projects(*, now_ms: int) -> list[ProjectProposal]:
    """What waits for a second person, the oldest first; the caller keeps to the places that its reader reaches."""
    rows = ProjectProposal.objects.filter(decided_ms=None, lapses_ms__gt=now_ms)
    return list(rows.select_related("establishment", "researcher").order_by("proposed_ms", "pk"))


def terms_of(proposal: ProjectProposal) -> Terms:
    """What a proposal says. Raises RefusedError: nothing that can be read."""
    try:
        return _terms(json.loads(proposal.terms))
    except (ValueError, KeyError, TypeError) as err:
        raise RefusedError("this proposal cannot be read") from err


def offered_to(patient: Account, *, now_ms: int) -> list[Project]:
    """The projects that one may join now, of the establishments that know this patient: the latest first."""
    places = {str(place) for place in registered_at(patient)}
    found = [p for p in declared_projects().values() if p.establishment in places and _joinable(p, now_ms)]
    return sorted(found, key=lambda p: (-p.declared_ms, p.id))


def taking_part(patient: Account, project: Project, *, now_ms: int) -> Participation | None:
    """How a patient takes part in a project now; None: they do not."""
    mine = (part for part in research_of(patient) if part.declared == project.id and runs(part, now_ms))
    return next(mine, None)


def require_open(project: Project, *, now_ms: int) -> Account:
    """Whoever would read. Raises RefusedError: closed, over, or its researcher is one no more."""
    researcher = Account.objects.filter(pk=uuid.UUID(project.researcher), is_active=True).first()
    if researcher is None or not project.open(now_ms):
        raise RefusedError("nobody joins this project any more")
    try:
        require_office(researcher, OFFICE, now_ms=now_ms, establishment=uuid.UUID(project.establishment))
    except AccessDeniedError as err:
        raise RefusedError("nobody joins this project any more") from err
    return researcher


def join_project(
    patient: Account, project: Project, *, shown: str, now_ms: int, signed: Signed | None = None,
    given_by: Account | None = None, way: str = "",
) -> str:  # fmt: skip
    """Take part from now on, on the terms that were declared; `shown` is the text that was read and agreed to.

    `signed`: the patient's passkey signed it. `given_by`: who wrote it down at the desk, on what word (`way`).

    Raises:
        RefusedError: it is not open, this patient takes part already, or something else was signed; or whoever
        writes it down is who would read. ForbiddenUseError: as `join_research`.
    """
    researcher = require_open(project, now_ms=now_ms)
    if taking_part(patient, project, now_ms=now_ms):
        raise RefusedError("this patient takes part already")
    if given_by is not None and given_by.pk == researcher.pk:
        raise RefusedError("nobody writes down that a record is opened to themselves")
    terms, data_since_ms = project.terms, project.data_since_ms(now_ms)
    if signed is not None:
        _require_signed(signed, patient, researcher, terms, shown)
        data_since_ms = signed.consent.period.since_ms
    return join_research(
        patient, researcher, project=terms.title, families=terms.families, now_ms=now_ms, until_ms=terms.until_ms,
        data_since_ms=data_since_ms, sector=attested_kinds().get(project.establishment, ""), given_by=given_by,
        signature=signed.signed.encode() if signed else None, part_id=_part_of(signed) if signed else None, way=way,
        declared=project.id, shown=shown,
    )  # fmt: skip


def _require_signed(signed: Signed, patient: Account, researcher: Account, terms: Terms, shown: str) -> None:
    """Raises RefusedError: it is about another record, reader, project or text, or was entered before."""
    consent = signed.consent
    require_about(consent, RESEARCH, patient, patient)
    asked = (uri_of(reader_held(researcher)), tuple(sorted(terms.families)), PURPOSE, terms.until_ms, shown)
    said = (consent.reader.uri, consent.families, consent.purpose, consent.until_ms, consent.shown.text)
    if consent.reader_kind != "person" or said != asked:
        raise RefusedError("this was signed about another project")
    if Ground.objects.filter(pk=uuid.UUID(_part_of(signed))).exists():
        raise RefusedError("this was entered before")


def _part_of(signed: Signed) -> str:
    return signed.consent.grant.removeprefix("urn:uuid:")


def _joinable(project: Project, now_ms: int) -> bool:
    try:
        require_open(project, now_ms=now_ms)
    except RefusedError:
        return False
    return True


def _require_second_office(by: Account, place: Establishment, now_ms: int) -> None:
    require_steering(holder_of(by, now_ms=now_ms), place_of(place), (SECOND,))


def _decide(proposal: ProjectProposal, by: Account, now_ms: int, *, approved: bool) -> None:
    # The update is what decides: of two decisions at the same instant, one changes a row.
    waiting = ProjectProposal.objects.filter(pk=proposal.pk, decided_ms=None, lapses_ms__gt=now_ms)
    if not waiting.update(decided_by=by, decided_ms=now_ms, approved=approved):
        raise RefusedError("this proposal was decided, or has lapsed")


def _clean(terms: Terms, now_ms: int) -> Terms:
    families = require_families(terms.families) or frozenset(FAMILIES)
    require_period(now_ms, terms.until_ms)
    title = " ".join(terms.title.split())
    if terms.until_ms > now_ms + _LONGEST_MS or len(title) > MAX_TITLE:
        raise RefusedError("a project has a name of 120 characters at most, and ends within five years")
    if terms.past_days is not None and not 0 <= terms.past_days <= _MOST_PAST:
        raise RefusedError("there is no such period")
    return Terms(
        title=text_of(title), purpose=_line(terms.purpose), ethics=_line(terms.ethics), families=families,
        past_days=terms.past_days, until_ms=terms.until_ms,
    )  # fmt: skip


def _line(text: str) -> str:
    return text_of(" ".join(text.split()))


def _said(terms: Terms) -> dict[str, Any]:
    return {
        "title": terms.title, "purpose": terms.purpose, "ethics": terms.ethics, "families": sorted(terms.families),
        "past_days": terms.past_days, "until": terms.until_ms,
    }  # fmt: skip


def _terms(said: dict[str, Any]) -> Terms:
    return Terms(
        title=said["title"], purpose=said["purpose"], ethics=said["ethics"], families=frozenset(said["families"]),
        past_days=said["past_days"], until_ms=said["until"],
    )  # fmt: skip


def _project(name: str, facts: dict[str, Any], at_ms: int) -> Project:
    return Project(
        id=name, establishment=facts["establishment"], researcher=facts["researcher"], terms=_terms(facts),
        declared_ms=at_ms,
    )  # fmt: skip


def _closed(project: Project, until_ms: int) -> Project:
    until = until_ms if project.closed_ms is None else min(project.closed_ms, until_ms)
    return Project(
        id=project.id, establishment=project.establishment, researcher=project.researcher, terms=project.terms,
        declared_ms=project.declared_ms, closed_ms=until,
    )  # fmt: skip


@functools.lru_cache(maxsize=1024)
def _read(body: bytes, key: PublicKey) -> tuple[str, int, dict[str, Any]] | None:
    """(kind, instant, facts) of a statement that this key signed."""
    try:
        statement = Sign1.parse(body, limit=LIMITS.journal, what="statement")
        statement.verify(key)
        match cbor.decode(statement.payload or b"", limit=LIMITS.journal, what="statement"):
            case [str(kind), int(at_ms), dict(facts), *_] if kind in (DECLARED, CLOSED):
                return kind, at_ms, facts
    except (EgideError, TypeError):
        pass
    return None
