"""To a reader from whom something is hidden, every answer is that of a store where it was never measured."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from django.test import Client

from egide.cloud.consent.restrictions import restrict
from egide.cloud.people.models import Account
from egide.measure.readings import Series
from tests.cloud.conftest import NOW
from tests.support.ward import HOUR_MS, Thing, Ward, spot

Told = Callable[[str], str]
QUERIES = (
    "Observation?patient={p}", "Observation?patient={p}&_count=2", "Observation?patient={p}&_summary=count",
    "Observation?patient={p}&_total=accurate&_count=1", "Observation?patient={p}&code=99504-3",
    "Observation?patient={p}&value-quantity=gt1", "Observation?patient={p}&category=laboratory",
    "Observation?patient={p}&_sort=_lastUpdated", "Observation?patient={p}&_sort=date&_count=3",
    "Observation?patient={p}&_include=Observation:device&_revinclude=Provenance:target",
    "Observation?patient={p}&status=final&_elements=code", "Device?patient={p}", "DeviceMetric?patient={p}",
    "Observation/$lastn?patient={p}&max=2", "Observation/$stats?subject={p}&code=8867-4&statistic=average,count",
    "Observation/$stats?subject={p}&code=99504-3&statistic=average,count", "Consent?patient={p}",
    "AuditEvent?patient={p}", "CareTeam?patient={p}",
)  # fmt: skip


def sugar(*values: int) -> Series:
    return Series(code="99504-3", unit="mg/dL", times=300_000_000, exponent=0, values=values)


def record(ward: Ward, name: str, *, measured: bool) -> tuple[Account, Thing]:
    """Five heart rates; among them, in the same envelopes and in others, a glucose that one of two records has."""
    patient = ward.patient(name)
    watch, sensor = ward.thing("Montre", patient), ward.thing("Capteur", patient)
    for n in range(5):
        t0 = NOW - (9 - n) * HOUR_MS
        pulse = spot("8867-4", "/min", str(60 + n))
        watch.send(*([sugar(110, 111), pulse] if measured and n % 2 else [pulse]), t0_ms=t0, received_ms=t0 + 600_000)
        if measured:
            sensor.send(sugar(120, 780, 121), t0_ms=t0 + 1_000)
    return patient, watch


@pytest.fixture
def twins(ward: Ward) -> tuple[Account, Account, Account, Thing]:
    """A patient who hides her glucose from Dr Bob, one who has none, and Dr Bob; and her watch."""
    alice, watch = record(ward, "Alice Moreau", measured=True)
    twin, _ = record(ward, "Alice Moreau", measured=False)
    bob = ward.professional("Dr Bob Durand", alice, twin)
    restrict(alice, families=["glucose"], who=bob, now_ms=NOW - 1)
    return alice, twin, bob, watch


def plain(text: str) -> str:
    """Without what differs between any two records: ids and numbers of entries, by the order in which they are met."""
    for pattern in (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", r'(?<=[/"])\d+(?=-\d+-\d+")', r"_cursor=[^\"&]+"):
        met: dict[str, str] = {}
        text = re.sub(pattern, lambda m, met=met: met.setdefault(m[0], f"<{len(met)}>"), text)
    return text


def ask(reader: Account) -> Client:
    client = Client()
    client.force_login(reader)
    return client


def test_every_answer_is_that_of_a_record_that_never_had_it(twins: tuple[Account, Account, Account, Thing]) -> None:
    """Bodies, totals, pages, includes, operations."""
    alice, twin, bob, _ = twins
    client = ask(bob)
    for query in QUERIES:
        told = []
        for patient in (alice, twin):
            answer = client.get("/fhir/" + query.replace("{p}", str(patient.pk)))
            told.append((answer.status_code, plain(answer.content.decode())))
        assert told[0] == told[1], query
        assert told[0][0] == 200, (query, told[0])


def test_every_page_is_too(twins: tuple[Account, Account, Account, Thing]) -> None:
    """As many pages, as full."""
    alice, twin, bob, _ = twins
    client, sizes = ask(bob), []
    for patient in (alice, twin):
        path, pages = f"/fhir/Observation?patient={patient.pk}&_count=2", []
        while path:
            bundle = json.loads(client.get(path).content)
            pages.append(len(bundle.get("entry", [])))
            path = next((one["url"] for one in bundle["link"] if one["relation"] == "next"), "")
        sizes.append(pages)
    assert sizes[0] == sizes[1] == [2, 2, 1]


def test_what_is_hidden_moves_no_tag(twins: tuple[Account, Account, Account, Thing]) -> None:
    """An ETag stays while only what is hidden comes, and moves with what is seen."""
    alice, _, bob, watch = twins
    client = ask(bob)
    path = f"/fhir/Observation?patient={alice.pk}&_count=100"
    first = client.get(path).headers["ETag"]
    watch.send(sugar(99), t0_ms=NOW - 60_000)
    assert client.get(path, headers={"if-none-match": first}).status_code == 304
    watch.send(spot("8867-4", "/min", "71"), t0_ms=NOW - 50_000)
    after = client.get(path, headers={"if-none-match": first})
    assert (after.status_code, after.headers["ETag"] == first) == (200, False)
