"""Observations read: by id, by a search, by their versions. Every byte is of what the door released."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.bundles import searchset
from egide.cloud.fhir.observations import Observed, observations
from egide.cloud.fhir.paging import Page, page_of, read_page, rounded
from egide.cloud.fhir.reading.entries import absent, entry_number, open_entry, signed_by
from egide.cloud.fhir.reading.lists import opened
from egide.cloud.fhir.reading.people import followed_by, patient_of
from egide.cloud.fhir.resources import device
from egide.cloud.fhir.search import Search, parse_search, write_cursor
from egide.cloud.fhir.systems import instant
from egide.cloud.fhir.writing.superseding import with_superseded
from egide.cloud.fhir.wrong import TooCostlyError
from egide.cloud.fleet.models import HealthObject
from egide.cloud.people.models import Account
from egide.cloud.release.door import Answer, release
from egide.cloud.release.errata import errata_of
from egide.cloud.release.lists import release_each
from egide.cloud.release.sight import unlimited
from egide.cloud.vault.models import Erratum
from egide.errors import AccessDeniedError, NotFoundError

__all__ = ["history", "observed_in", "read", "search", "subject_of"]

KIND: Final = "Observation"
_MOST_IDS: Final = 20
_MOST_PEOPLE: Final = 200
_LONGEST_MS: Final = 31 * 86_400_000
Body = dict[str, Any]


def observed_in(answer: Answer) -> list[Observed]:
    """What a released answer holds, in the order of time, with what was entered in error or superseded.

    Which one stands for another is told to whom nothing is hidden: it could be what they must not know of.
    """
    errata = errata_of(answer)
    rows = Erratum.objects.filter(entry__in={column.entry for column in errata}) if errata else Erratum.objects.none()
    found = observations(answer.columns, errata, dict(rows.order_by("pk").values_list("entry", "at_ms")))
    return with_superseded(found) if unlimited(answer.decision) else found


def search(asked: Asked) -> Body:
    """A searchset. Raises as the door and the parser do."""
    wanted = parse_search(asked.query, now_ms=asked.now_ms, strict=asked.strict, who=_who(asked))
    if wanted.ids and not wanted.patient:
        return _by_ids(asked, wanted)
    if not wanted.patient and asked.reader.patient is None and (people := followed_by(asked)):
        return _of_the_list(asked, wanted, people)
    patient = subject_of(asked, wanted.patient)
    asked.require(KIND, "search-type", patient)
    wanted = limited(asked, wanted, patient)

    def opening(since_ms: int, until_ms: int) -> list[Observed]:
        ask = asked.ask(patient, since_ms=since_ms, until_ms=until_ms, codes=wanted.codes)
        return observed_in(release(ask, now_ms=asked.now_ms))

    page = read_page(wanted, patient, opening)
    return _bundle(asked, wanted, page, [patient] * len(page.items))


def read(asked: Asked, key: str) -> Body:
    """One observation by its id, <entry>-<position>-<index>."""
    return _one(asked, key, "read")[0]


def history(asked: Asked, key: str) -> list[Body]:
    """Its versions, the latest first: what was entered in error was final before, and its value is nobody's to see."""
    now, found = _one(asked, key, "history-instance")
    if found.status == "final":
        return [now]
    if not found.in_error:  # another stands for it: what it said is still this patient's
        before = replace(found, superseded_by="", changed_ms=0)
        return [now, before.resource(now["subject"]["reference"].removeprefix("Patient/"))]
    column, _ = found.parts[0]
    meta = {**now["meta"], "versionId": "1", "lastUpdated": instant(column.received_ms)}
    return [now, {**now, "meta": meta, "status": "final"}]


def _one(asked: Asked, key: str, interaction: str) -> tuple[Body, Observed]:
    asked.require(KIND, interaction)
    patient, answer = open_entry(asked, entry_number(key), kind=KIND, interaction=interaction)
    for found in observed_in(answer):
        if found.id == key:
            resource = found.resource(str(patient.pk))
            if not asked.reader.may(KIND, interaction, resource):
                raise absent()
            return resource, found
    if not answer.columns:
        raise absent()
    raise NotFoundError("no such observation")


def subject_of(asked: Asked, named: str) -> Account:
    """The record asked for: one's own, or that of the launch, when none is named.

    Raises:
        TooCostlyError: it would be everybody's. AccessDeniedError: no such patient for this reader.
    """
    if named:
        return asked.patient(named)
    if asked.reader.patient is not None:
        return asked.patient(str(asked.reader.patient))
    account = asked.reader.account
    if account is not None and account.role == Account.Role.PATIENT:
        return account
    raise TooCostlyError("a search of everybody's measurements is not done here")


def limited(asked: Asked, wanted: Search, patient: Account) -> Search:
    """The search, and what the scopes' own parameters leave of it: a filter like the others."""
    if asked.reader.scopes is None or not any(scope.parameters for scope in asked.reader.scopes):
        return wanted
    key = str(patient.pk)
    return replace(wanted, keeps=(*wanted.keeps, lambda o: asked.reader.may(KIND, "search-type", o.resource(key))))


def _who(asked: Asked) -> str:
    account = asked.reader.account
    return f"{account.pk if account is not None else ''} {asked.reader.app}"


def _by_ids(asked: Asked, wanted: Search) -> Body:
    """By ids alone: each is read as if it had been asked for by itself, and what is not there is not found."""
    found: list[Observed] = []
    owners: dict[str, Account] = {}
    if len(wanted.ids) > _MOST_IDS:
        raise TooCostlyError("name a patient, or fewer ids")
    for key in sorted(wanted.ids):
        try:
            patient, answer = open_entry(asked, entry_number(key), kind=KIND, interaction="search-type")
        except (AccessDeniedError, NotFoundError):
            continue
        asked.require(KIND, "search-type", patient)
        limits = limited(asked, wanted, patient)
        owners[str(patient.pk)] = patient
        found += _of(patient, (o for o in observed_in(answer) if o.id == key and limits.keep(o)))
    page = page_of(wanted, found, whole=True)
    return _bundle(asked, wanted, page, [owners[o.whose] for o in page.items])


def _of_the_list(asked: Asked, wanted: Search, people: Sequence[Account]) -> Body:
    """Of those whom the reader follows, some days of measurements: each record is asked for and journaled as by itself.

    Raises:
        TooCostlyError: too many people, or too long a time.
    """
    if len(people) > _MOST_PEOPLE or wanted.until_ms - wanted.since_ms > _LONGEST_MS:
        raise TooCostlyError("without a patient, a search is of 31 days at most, by date")
    asks = []
    for who in people:
        asked.require(KIND, "search-type", who)
        since, until = rounded(who, wanted.since_ms, wanted.until_ms)
        asks.append(asked.ask(who, since_ms=since, until_ms=until, codes=wanted.codes))
    found: list[Observed] = []
    for answer in release_each(asks, now_ms=asked.now_ms):
        if answer is not None:
            limits = limited(asked, wanted, answer.ask.patient)
            found += _of(answer.ask.patient, (o for o in observed_in(answer) if limits.keep(o)))
    page = page_of(wanted, found, whole=True)
    owners = {str(who.pk): who for who in people}
    return _bundle(asked, wanted, page, [owners[o.whose] for o in page.items])


def _of(patient: Account, found: Iterable[Observed]) -> list[Observed]:
    """The same, each with whose it is: what was one patient's in error is another's, under the same id."""
    return [replace(o, whose=str(patient.pk)) for o in found]


def _bundle(asked: Asked, wanted: Search, page: Page, owners: Sequence[Account]) -> Body:
    """`owners`: whose each observation of the page is."""
    found = [o.resource(str(owner.pk)) for o, owner in zip(page.items, owners, strict=True)]
    included, notes = _included(asked, wanted, page, list(dict.fromkeys(owners)))
    cursor = write_cursor(wanted.key(page.items[-1]), asked.query, _who(asked)) if page.more else ""
    return searchset(asked, KIND, found, wanted.common, total=page.total, included=included, cursor=cursor, notes=notes)


def _included(asked: Asked, wanted: Search, page: Page, owners: Iterable[Account]) -> tuple[list[Body], list[str]]:
    """What goes with a page: never another patient's, and only what the scopes let be read by itself."""
    found: list[Body] = []
    notes: list[str] = []
    if not page.items:
        return found, notes
    if "Observation:device" in wanted.includes:
        objects = {o.parts[0][0].object_id for o in page.items}
        found += [device(row) for row in HealthObject.objects.filter(pk__in=objects).order_by("created_ms", "id")]
    if wanted.includes & {"Observation:patient", "Observation:subject"}:
        found += [patient_of(opened(asked, owner, KIND, "search-type")) for owner in owners]
    if wanted.revincludes:
        for owner in owners:
            signed = signed_by(asked, owner, page.items)
            found += signed
            if not signed:
                notes.append("the signed bytes of a measurement are given to its patient alone")
    return [one for one in found if asked.reader.may(one["resourceType"], "read", one)], notes
