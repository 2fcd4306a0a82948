"""How often pages ask the database: as often for a list of many patients as for one of few."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.http import HttpRequest, QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from egide.cloud.consent.service import start_follow_up
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.release.deciding import Ask, decide_ask, decide_each
from egide.cloud.release.stream import begin_watches
from egide.cloud.ward.views import stream
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import spot


def queries(asked: Callable[[], object]) -> int:
    """The second time: what a process learns once, it has learnt."""
    asked()
    with CaptureQueriesContext(connection) as captured:
        asked()
    return len(captured)


def ward(cast: Cast, enter: Enter, count: int) -> tuple[Client, Account, list[Account]]:
    """A doctor who follows so many patients, each with a scale that measured."""
    doctor = create_account("professional", f"Doctor of {count}", NOW - 1)
    patients = [cast.ward.patient(f"Patient {n} of {count}") for n in range(count)]
    for patient in patients:
        start_follow_up(doctor, patient, now_ms=NOW - 1)
        cast.ward.thing("Balance", patient).send(spot("29463-7", "kg", "80.0"), t0_ms=NOW - 1, received_ms=NOW - 1)
    return enter(doctor), doctor, patients


@pytest.mark.parametrize("path", ["/patients", "/patients/lines"])
def test_the_list_asks_as_often_for_many_patients_as_for_few(cast: Cast, enter: Enter, path: str) -> None:
    """What is read, decided, written and opened is so for all of them together."""
    spent = []
    for count in (2, 8):
        client = ward(cast, enter, count)[0]
        assert b"Patient 0" in client.get(path).content
        spent.append(queries(partial(client.get, path)))
    assert spent[0] == spent[1]
    assert spent[1] <= 36


def test_a_stream_begins_with_as_many_questions_for_many_patients_as_for_few(cast: Cast, enter: Enter) -> None:
    """Whose records these are, what for, and whether they may be watched."""

    def begin(doctor: Account, patients: list[Account]) -> None:
        request = HttpRequest()
        request.GET = QueryDict("&".join(f"p={patient.pk}" for patient in patients))
        request.user = doctor
        asks = stream._asks(request, stream._patients(request))
        settled = decide_each([ask for ask in asks.values() if ask is not None], NOW)
        assert [one is not None and one.decision.allowed for one in settled] == [True] * len(patients)
        assert begin_watches([ask for ask in asks.values() if ask is not None], now_ms=NOW)

    spent = []
    for count in (2, 8):
        _, doctor, patients = ward(cast, enter, count)
        spent.append(queries(partial(begin, doctor, patients)))
    assert spent[0] == spent[1]
    assert spent[1] <= 24


def test_a_record_and_its_reasons_ask_no_more_than_so_often(cast: Cast, enter: Enter) -> None:
    """A guard: whoever adds a question here says why."""
    client, _, (patient,) = ward(cast, enter, 1)
    assert queries(lambda: client.get(f"/patients/{patient.pk}")) <= 48
    assert queries(lambda: client.get(f"/patients/{patient.pk}/why")) <= 34


def test_deciding_costs_two_queries_however_many_are_asked_about(cast: Cast, enter: Enter) -> None:
    """The facts of the patients, and where the readers work."""
    _, doctor, patients = ward(cast, enter, 6)
    asks = [
        Ask(reader=reader, patient=patient, since_ms=0, until_ms=NOW, purpose="TREAT", channel="portal")
        for patient in patients
        for reader in (doctor, cast.bob)
    ]
    assert queries(lambda: decide_each(asks, NOW)) == 2
    assert queries(lambda: decide_ask(asks[0], NOW)) == 2
