"""R4, read-only. Everything personal comes through release(): deny by default, each answer in the journal."""

from __future__ import annotations

import time
import uuid
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from egide.cloud.consent.models import FollowUp
from egide.cloud.fhir.capability import capability_statement
from egide.cloud.fhir.observations import Observed, observations
from egide.cloud.fhir.outcome import answering, issue, respond
from egide.cloud.fhir.paging import Page, read_page
from egide.cloud.fhir.resources import device, provenance
from egide.cloud.fhir.search import EVER_MS, Search, parse_search
from egide.cloud.fleet.models import Attribution, HealthObject, Pairing
from egide.cloud.people.models import Account
from egide.cloud.release.door import Answer, Ask, entry_of, release, why
from egide.cloud.release.errata import errata_of
from egide.cloud.vault.owning import records_of
from egide.errors import AccessDeniedError, MalformedError, NotFoundError, SignInError

__all__ = ["metadata", "nowhere", "observation", "read_device", "read_provenance", "search"]

_CHANNEL: Final = "fhir"
_OBJECT_STATE: Final = ("egide:device-status",)


@answering
def metadata(request: HttpRequest) -> HttpResponse:
    """Open to all: it says nothing of anyone."""
    return respond(capability_statement(_base(request)))


@answering
def search(request: HttpRequest) -> HttpResponse:
    """A searchset Bundle. Raises as the door and the parser do."""
    reader = _reader(request)
    wanted = parse_search(request.GET)
    patient = _patient(reader, wanted.patient)
    purpose = _purpose(request, reader, patient)
    now = _now_ms()

    def opening(since_ms: int, until_ms: int) -> list[Observed]:
        ask = Ask(
            reader=reader, patient=patient, since_ms=since_ms, until_ms=until_ms, purpose=purpose,
            channel=_CHANNEL, codes=wanted.codes,
        )  # fmt: skip
        answer = release(ask, now_ms=now)
        return observations(answer.columns, errata_of(answer))

    return respond(_bundle(request, wanted, read_page(wanted, patient, opening), str(patient.pk)))


@answering
def observation(request: HttpRequest, key: str) -> HttpResponse:
    """One observation by its id, <entry>-<position>-<index>."""
    head = key.partition("-")[0]
    if not (head.isascii() and head.isdigit()) or len(head) > 19:
        raise NotFoundError("no such observation")
    patient, answer, _ = _open_entry(request, int(head))
    for found in observations(answer.columns, errata_of(answer)):
        if found.id == key:
            return respond(found.resource(str(patient.pk)))
    _require_seen(answer)
    raise NotFoundError("no such observation")


@answering
def read_provenance(request: HttpRequest, entry: int) -> HttpResponse:
    """The signature of one envelope, with the observations it stands for: the patient's alone, as a proof is."""
    _, answer, _ = _open_entry(request, entry, signed=True)
    _require_seen(answer)
    row, opened = entry_of(answer)
    targets = [found.id for found in observations(answer.columns)]
    resource = provenance(entry, opened.entry, targets, received_ms=row.received_ms, first_ms=row.first_ms)
    return respond(resource)


@answering
def read_device(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """An object that measures, or measured, somebody whose record the reader may see."""
    reader = _reader(request)
    pairings = Pairing.objects.filter(object_id=object_id).select_related("patient").order_by("-since_ms")
    given = Attribution.objects.filter(pairing__object_id=object_id, at_ms__isnull=False, undone_ms=None)
    patients = [pairing.patient for pairing in pairings]
    patients += [said.to for said in given.select_related("to").order_by("-at_ms") if said.to is not None]
    if not patients:
        raise AccessDeniedError("no ground lets this reader see this record")
    now = _now_ms()
    patient = _nearest(reader, patients, now)
    ask = Ask(
        reader=reader, patient=patient, since_ms=0, until_ms=0, purpose=_purpose(request, reader, patient),
        channel=_CHANNEL, codes=_OBJECT_STATE,
    )  # fmt: skip
    release(ask, now_ms=now)
    return respond(device(HealthObject.objects.get(pk=object_id)))


@answering
def nowhere(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Anything else under /fhir."""
    return issue(
        404, "not-supported", NotFoundError.code, "this server has no such resource", "see /fhir/metadata"
    )


def _reader(request: HttpRequest) -> Account:
    if isinstance(request.user, Account):
        return request.user
    raise SignInError("sign in first")


def _patient(reader: Account, named: str) -> Account:
    """The record asked for; one's own when none is named. Unknown and forbidden are one answer."""
    if not named:
        if reader.role == Account.Role.PATIENT:
            return reader
        raise MalformedError("say which patient")
    try:
        key = uuid.UUID(named)
    except ValueError as err:
        raise MalformedError("patient is Patient/ and an id") from err
    patient = Account.objects.filter(pk=key, role=Account.Role.PATIENT).first()
    if patient is None:
        raise AccessDeniedError("no ground lets this reader see this record")
    return patient


def _purpose(request: HttpRequest, reader: Account, patient: Account) -> str:
    given = request.GET.get("_purpose", "")
    if len(given) > 16 or not given.isascii():
        raise MalformedError("_purpose is an HL7 PurposeOfUse code")
    return given or ("PATRQT" if reader.pk == patient.pk else "TREAT")


def _nearest(reader: Account, patients: list[Account], now_ms: int) -> Account:
    """Of those an object measured: the reader, one they follow now, or the last (who will see the refusal)."""
    if reader in patients:
        return reader
    in_force = Q(until_ms=None) | Q(until_ms__gt=now_ms)
    follows = FollowUp.objects.filter(in_force, professional=reader, since_ms__lte=now_ms)
    followed = set(follows.values_list("patient_id", flat=True))
    return next((patient for patient in patients if patient.pk in followed), patients[0])


def _open_entry(request: HttpRequest, entry: int, *, signed: bool = False) -> tuple[Account, Answer, Ask]:
    """Open one envelope. Raises AccessDeniedError, also when there is no such entry."""
    reader, now = _reader(request), _now_ms()
    records = records_of(entry) if entry < 2**63 else []
    if not records:
        raise AccessDeniedError("no ground lets this reader see this record")
    asks = [
        Ask(
            reader=reader, patient=patient, since_ms=0, until_ms=EVER_MS, purpose=_purpose(request, reader, patient),
            channel=_CHANNEL, entry=entry, signed=signed,
        )
        for patient in Account.objects.in_bulk(records).values()
    ]  # fmt: skip
    if not asks:  # the accounts of its records are gone
        raise AccessDeniedError("no ground lets this reader see this record")
    asks.sort(key=lambda ask: records.index(ask.patient.pk))
    # Of the record that holds it and those that held it in error: the first that the reader may see, else the first.
    ask = next((ask for ask in asks if why(ask, now_ms=now).allowed), asks[0]) if len(asks) > 1 else asks[0]
    return ask.patient, release(ask, now_ms=now), ask


def _require_seen(answer: Answer) -> None:
    """An entry of which this reader sees nothing is answered as one that never was.

    Raises:
        AccessDeniedError: nothing of it is theirs to see, or it has nothing in it.
    """
    if not answer.columns:
        raise AccessDeniedError("no ground lets this reader see this record")


def _bundle(request: HttpRequest, wanted: Search, page: Page, patient_id: str) -> dict[str, Any]:
    base = _base(request)
    links = [{"relation": "self", "url": _address(base, request.GET)}]
    if page.more:
        query = request.GET.copy()
        query["_cursor"] = "-".join(map(str, page.items[-1].key))
        query["_count"] = str(wanted.count)
        links.append({"relation": "next", "url": _address(base, query)})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        bundle["total"] = page.total
    bundle["link"] = links
    if page.items:
        bundle["entry"] = [
            {
                "fullUrl": f"{base}/Observation/{found.id}",
                "resource": found.resource(patient_id),
                "search": {"mode": "match"},
            }
            for found in page.items
        ]
    return bundle


def _address(base: str, query: QueryDict) -> str:
    pairs = [(name, value) for name, values in query.lists() for value in values]
    return f"{base}/Observation" + (f"?{urlencode(pairs)}" if pairs else "")


def _base(request: HttpRequest) -> str:
    address = request.build_absolute_uri(reverse("fhir:metadata")).removesuffix("/metadata")
    return address.replace("http://", "https://", 1) if settings.OPTIONS.people_https else address


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
