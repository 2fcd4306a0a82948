"""Breaking the glass: who may, what it opens, who is told, who reviews, what alarms."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from egide.cloud.consent.emergency import REVIEW_MS, break_glass, overdue_reviews, reviews
from egide.cloud.people.models import Account, Registration
from egide.cloud.people.registrations import register_patient
from egide.cloud.portal import live
from egide.cloud.release.journal import journal_of
from egide.cloud.signin.models import Notice
from egide.errors import RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm
from tests.support.cast import Cast

REASON = "Found unconscious at home"
FORM = {"reason": REASON, "every": "yes", "period": "7"}


@pytest.fixture
def diane(cast: Cast, offices: Offices, enter: Enter) -> Client:
    """A doctor who follows nobody, with a factor just presented."""
    client = enter(cast.diane)
    confirm(client)
    return client


def test_the_form_says_what_happens_then(cast: Cast, diane: Client) -> None:
    """Four hours, no export, who is told, a review within a day: before anything is opened."""
    page = diane.get(f"/patients/{cast.alice.pk}/emergency").content.decode()
    for said in (
        "four hours",
        "nothing can be exported",
        "treating doctor are told",
        "second person reviews it within a day",
    ):
        assert said in page
    assert reviews(cast.alice) == []


def test_an_emergency_opens_the_record_and_everybody_is_told(cast: Cast, diane: Client) -> None:
    """Refused before, open after; the patient has a notice without detail; the journal gives the name."""
    address = f"/patients/{cast.alice.pk}"
    assert diane.get(address).status_code == 403
    assert diane.post(f"{address}/emergency", FORM).status_code == 302
    page = diane.get(address).content.decode()
    assert "Alice Moreau" in page
    assert "You opened this record in an emergency" in page
    assert journal_of(cast.alice)[0].purpose == "ETREAT"
    told = Notice.objects.get(account=cast.alice)
    assert (told.kind, told.detail) == ("emergency", "")
    assert not Notice.objects.filter(account=cast.diane, kind="emergency").exists()


def test_it_never_leaves_as_a_file(cast: Cast, diane: Client) -> None:
    """On screen alone: the proof of a reading is not offered, and refused."""
    diane.post(f"/patients/{cast.alice.pk}/emergency", FORM)
    page = diane.get(f"/patients/{cast.alice.pk}").content.decode()
    entry = page.split("/reading/")[1].split("-")[0]
    assert "/proof/" not in page
    assert diane.get(f"/patients/{cast.alice.pk}/proof/{entry}").status_code == 403


def test_no_record_is_open_of_which_nobody_was_told(cast: Cast, diane: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notices are written with the opening: what stops them stops it too."""

    def broken(*_: object, **__: object) -> None:
        raise RefusedError("no notice can be written now")

    monkeypatch.setattr("egide.cloud.ward.emergencies.tell", broken)
    assert diane.post(f"/patients/{cast.alice.pk}/emergency", FORM).status_code == 400
    assert reviews(cast.alice) == []
    assert diane.get(f"/patients/{cast.alice.pk}").status_code == 403


def test_the_home_establishment_reviews_none_of_another_s(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The reason and the name of who opened a record are read where the patient is registered."""
    register_patient(cast.alice, offices.elsewhere, by=offices.far_administrator, now_ms=NOW - 900)
    Registration.objects.filter(patient=cast.alice, establishment=offices.here).delete()
    break_glass(offices.far_doctor, cast.alice, reason=REASON, families=None, now_ms=NOW - 5)
    for reviewer in (offices.dpo, cast.bob):
        assert REASON not in enter(reviewer).get("/emergencies/review").content.decode()
    assert REASON in enter(offices.far_dpo).get("/emergencies/review").content.decode()


def test_it_opens_only_the_families_and_the_period_asked_for(cast: Cast, diane: Client) -> None:
    """Weight was not asked for: it is not on the page."""
    diane.post(f"/patients/{cast.alice.pk}/emergency", {"reason": REASON, "families": ["glucose"], "period": "1"})
    page = diane.get(f"/patients/{cast.alice.pk}").content.decode()
    assert "mg/dL" in page
    assert "mmHg" not in page


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({**FORM, "reason": " "}, id="no-reason"),
        pytest.param({**FORM, "reason": "x" * 501}, id="too-long"),
        pytest.param({"reason": REASON, "period": "7"}, id="nothing-asked-for"),
        pytest.param({**FORM, "every": "", "families": ["geolocation"]}, id="no-such-family"),
        pytest.param({**FORM, "period": "ever"}, id="no-such-period"),
    ],
)
def test_a_form_that_says_too_little_opens_nothing(cast: Cast, diane: Client, form: dict[str, object]) -> None:
    """What was typed is kept, and the page says what is missing."""
    answer = diane.post(f"/patients/{cast.alice.pk}/emergency", form)
    assert answer.status_code == 400
    assert "Nothing was opened" in answer.content.decode()
    assert reviews(cast.alice) == []


def test_it_asks_for_a_factor_first(cast: Cast, offices: Offices, enter: Enter) -> None:
    """A session found open breaks no glass."""
    assert enter(cast.diane).post(f"/patients/{cast.alice.pk}/emergency", FORM).status_code == 302
    assert reviews(cast.alice) == []


def test_it_closes_by_itself_after_four_hours_or_sooner(
    cast: Cast, diane: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the last millisecond it is open, at the next one it is not; its owner may end it at once."""
    diane.post(f"/patients/{cast.alice.pk}/emergency", FORM)
    monkeypatch.setattr(live, "now_ms", lambda: NOW + 4 * 3_600_000 - 1)
    assert diane.get(f"/patients/{cast.alice.pk}").status_code == 200
    monkeypatch.setattr(live, "now_ms", lambda: NOW + 4 * 3_600_000)
    assert diane.get(f"/patients/{cast.alice.pk}").status_code == 403
    monkeypatch.setattr(live, "now_ms", lambda: NOW + 1)
    (one,) = reviews(cast.alice)
    assert diane.post(f"/emergencies/{one.emergency}/close").status_code == 302
    assert diane.get(f"/patients/{cast.alice.pk}").status_code == 403


def test_a_second_person_reviews_and_never_the_one_who_opened(
    cast: Cast, offices: Offices, diane: Client, enter: Enter
) -> None:
    """The reviewer reads who and why, not the patient's name; Diane neither sees nor reviews her own."""
    diane.post(f"/patients/{cast.alice.pk}/emergency", FORM)
    (one,) = reviews(cast.alice)
    said = {"verdict": "justified", "note": "Rightly so"}
    assert REASON not in diane.get("/emergencies/review").content.decode()
    assert diane.post(f"/emergencies/{one.emergency}/review", said).status_code == 404
    client = enter(offices.dpo)
    page = client.get("/emergencies/review").content.decode()
    assert REASON in page
    assert "Diane Roux" in page
    assert "Alice" not in page
    assert client.post(f"/emergencies/{one.emergency}/review", said).status_code == 302
    assert reviews(cast.alice)[0].verdict == "justified"
    assert "Reviewed: justified" in diane.get("/emergencies").content.decode()
    assert client.post(f"/emergencies/{one.emergency}/review", said).status_code == 400


def test_an_overdue_review_alarms(cast: Cast, offices: Offices, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day later, on the officer's desk and on the reviewers' page."""
    break_glass(cast.diane, cast.alice, reason=REASON, families=None, now_ms=NOW)
    monkeypatch.setattr(live, "now_ms", lambda: NOW + REVIEW_MS - 1)
    client = enter(offices.dpo)
    assert "overdue" not in client.get("/emergencies/review").content.decode()
    monkeypatch.setattr(live, "now_ms", lambda: NOW + REVIEW_MS)
    assert len(overdue_reviews(now_ms=NOW + REVIEW_MS)) == 1
    for path in ("/emergencies/review", "/office/privacy"):
        assert "1 review is overdue" in client.get(path).content.decode()


def test_nobody_elsewhere_opens_or_reviews(cast: Cast, offices: Offices, enter: Enter) -> None:
    """A doctor of another establishment does not find the patient, and reviews nothing of ours."""
    client = enter(offices.far_doctor)
    confirm(client)
    absent = client.post(f"/patients/{uuid.uuid4()}/emergency", FORM)
    there = client.post(f"/patients/{cast.alice.pk}/emergency", FORM)
    assert (absent.status_code, there.status_code) == (404, 404)
    key = break_glass(cast.diane, cast.alice, reason=REASON, families=None, now_ms=NOW - 5)
    assert REASON not in client.get("/emergencies/review").content.decode()
    verdict = {"verdict": "justified", "note": "x"}
    assert client.post(f"/emergencies/{key}/review", verdict).status_code == 404
    assert client.post(f"/emergencies/{key}/close").status_code == 404


@pytest.mark.parametrize("office", ["security", "administrator", "dpo"])
def test_officers_break_no_glass(cast: Cast, offices: Offices, enter: Enter, office: str) -> None:
    """It is for who cares."""
    officer: Account = getattr(offices, office)
    client = enter(officer)
    confirm(client)
    assert client.post(f"/patients/{cast.alice.pk}/emergency", FORM).status_code == 403
    assert client.get("/emergencies").status_code == 403
