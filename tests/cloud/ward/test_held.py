"""The page of readings to attribute: no value, no name, and nothing moved by one person."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from egide.cloud.config.worker import move_once
from egide.cloud.fleet.models import Attribution, Pairing
from egide.cloud.fleet.pairings import unpair
from egide.cloud.people.models import Account, Registration
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.second import SecondPersonError
from egide.cloud.release import resealing
from egide.cloud.release.attribution import NothingHeldError, NothingInsideError, OtherPatientError, PeriodTakenError
from egide.cloud.vault.holding import held_page, held_rows
from egide.cloud.vault.owning import rows_of
from egide.cloud.ward import held as ward_held
from egide.cloud.ward.views import held as ward_held_view
from egide.cloud.ward.views.held import _problem
from egide.errors import MalformedError, RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm
from tests.support.cast import Cast
from tests.support.ward import HOUR_MS, spot

PAGE = "/office/held"


@pytest.fixture
def held(cast: Cast, offices: Offices) -> int:
    """Two of the scale's messages, measured after its pairing ended."""
    unpair(cast.scale.pairing, NOW - 2 * HOUR_MS)
    for n in range(2):
        cast.scale.deliver(cast.scale.sign(spot("29463-7", "kg", "61.5"), t0_ms=NOW - HOUR_MS + n * 1_000), NOW)
    return 2


@pytest.fixture
def engineer(offices: Offices, enter: Enter) -> Client:
    client = enter(offices.engineer)
    confirm(client)
    return client


def say(client: Client, cast: Cast, act: str, **more: str) -> int:
    """What the form sends; the status of the answer."""
    form = {
        "pairing": str(cast.scale.pairing.uuid), "since": "2026-11-21T21:13:00", "until": "2026-11-21T21:14:00",
        "reason": "Rendu le soir.", "act": act, **more,
    }  # fmt: skip
    return client.post(reverse("ward:held-say"), form).status_code


def decide(client: Client, act: str) -> int:
    row = Attribution.objects.get()
    return client.post(reverse("ward:held-decide", args=[row.pk]), {"act": act}).status_code


def test_a_move_that_is_not_whole_says_how_far_it_is(
    cast: Cast, offices: Offices, engineer: Client, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of the three messages have not moved: the page says so, offers no undoing, and later nothing of it."""
    monkeypatch.setattr(resealing, "BATCH", 1)
    monkeypatch.setattr(resealing, "_FEW", 0)
    for n in range(3):
        cast.scale.deliver(cast.scale.sign(spot("29463-7", "kg", "61.5"), t0_ms=NOW - HOUR_MS + n * 1_000), NOW)
    register_patient(cast.charlie, offices.here, by=offices.administrator, now_ms=NOW)
    assert say(engineer, cast, "other", to=cast.charlie.username) == 302
    doctor = enter(cast.bob)
    confirm(doctor)
    assert decide(doctor, "confirm") == 302
    page = text(doctor)
    for shown in ("Decided. They move by themselves", "still moving: 2 messages left", "still in the first file"):
        assert shown in page
    assert "Propose to undo it" not in page
    assert decide(doctor, "undo") == 400
    move_once()
    page = text(doctor)
    assert "still moving" not in page
    assert "Propose to undo it" in page


def test_what_is_held_of_many_objects_is_paged_by_one_look_at_the_index(
    held: int, cast: Cast, offices: Offices, engineer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One object a page here: the counts are of all, each page names its own, and no page costs more than another."""
    for module in (ward_held, ward_held_view):
        monkeypatch.setattr(module, "PAGE", 1)
    unpair(cast.watch.pairing, NOW - 2 * HOUR_MS)
    cast.watch.deliver(cast.watch.sign(spot("8867-4", "/min", "61"), t0_ms=NOW - HOUR_MS), NOW + 1)
    first, second = (engineer.get(f"{PAGE}?page={n}").content.decode() for n in (1, 2))
    for page, own, other in ((first, cast.watch, cast.scale), (second, cast.scale, cast.watch)):
        assert "3 messages are held" in page
        cards = page.split('id="held"')[1].split("</section>")[0]
        assert str(own.row.pk) in cards
        assert str(other.row.pk) not in cards
    assert ['href="?page=2"' in first, 'href="?page=2"' in second, 'href="?page=1"' in second] == [True, False, True]
    for odd in ("0", "-1", "x", "99", "9" * 30, "²"):
        assert engineer.get(PAGE, {"page": odd, "said": odd}).status_code == 200
    with CaptureQueriesContext(connection) as asked:
        held_page(Pairing.objects.all(), start=0, size=20)
    assert len([q for q in asked if "vault_envelope" in q["sql"]]) == 1
    plan = held_rows().filter(pairing__in=[cast.scale.pairing.pk]).values("pairing_id").annotate(n=Count("entry"))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "envelope_held" in plan.explain()


def text(client: Client) -> str:
    return client.get(PAGE).content.decode()


def test_what_is_held_is_listed_by_object_and_number(held: int, cast: Cast, engineer: Client) -> None:
    """The object, the period, the count; neither a value nor a name."""
    page = text(engineer)
    assert "Balance Claire" in page
    assert "2 messages" in page
    assert cast.alice.username in page
    for secret in ("61.5", "61,5", "kg", "Alice", "Moreau"):  # as words: a token of a form may hold any two letters
        assert re.search(rf"\b{re.escape(secret)}\b", page) is None


def test_an_engineer_attributes_what_is_held_and_takes_it_back(held: int, cast: Cast, engineer: Client) -> None:
    """One act each; the page says what was done, by whom and why."""
    assert say(engineer, cast, "own") == 302
    page = text(engineer)
    assert "Attributed." in page
    assert "Inès Atelier" in page
    assert "Rendu le soir." in page
    assert "No reading is held." in page
    assert decide(engineer, "back") == 302
    assert "2 messages are held" in text(engineer)


def test_set_aside_it_is_counted_and_off_the_list(held: int, cast: Cast, engineer: Client) -> None:
    """Kept: the number stays on the page."""
    assert say(engineer, cast, "aside") == 302
    page = text(engineer)
    assert "No reading is held." in page
    assert "2 messages were set aside" in page


def test_another_patient_needs_a_second_person(
    held: int, cast: Cast, offices: Offices, engineer: Client, enter: Enter
) -> None:
    """The engineer proposes and cannot confirm; Dr Bob does; Charlie then has them, and the way back is the same."""
    assert say(engineer, cast, "other", to=cast.charlie.username) == 302
    assert "Somebody else must confirm it." in text(engineer)
    assert decide(engineer, "confirm") == 400
    assert not rows_of(cast.charlie.pk).exists()
    doctor = enter(cast.bob)
    assert decide(doctor, "confirm") == 302  # asked for a factor first
    assert not rows_of(cast.charlie.pk).exists()
    confirm(doctor)
    assert "2 messages move." in text(doctor)
    assert decide(doctor, "confirm") == 302
    assert rows_of(cast.charlie.pk).count() == held
    assert decide(doctor, "undo") == 302
    assert decide(engineer, "confirm-undo") == 302
    assert not rows_of(cast.charlie.pk).exists()
    assert "undone" in text(engineer)


def test_who_works_elsewhere_sees_and_does_nothing(
    held: int, cast: Cast, offices: Offices, engineer: Client, enter: Enter
) -> None:
    """An engineer of another establishment has an empty page; its acts find nothing, and no patient has it at all."""
    say(engineer, cast, "other", to=cast.charlie.username)
    far = enter(offices.far_engineer)
    confirm(far)
    page = text(far)
    assert "Balance Claire" not in page
    assert cast.alice.username not in page
    assert say(far, cast, "own") == 404
    assert decide(far, "confirm") == 404
    for who in (offices.administrator, offices.dpo, cast.alice):
        assert enter(who).get(PAGE).status_code == 403
    assert not rows_of(cast.charlie.pk).exists()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"to": "nobody-at-all"}, id="nobody"),
        pytest.param({"to": ""}, id="empty"),
        pytest.param({"since": "yesterday"}, id="no-date"),
        pytest.param({"reason": " "}, id="no-reason"),
        pytest.param({"act": "everything"}, id="no-act"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    held: int, cast: Cast, engineer: Client, wrong: dict[str, str]
) -> None:
    """The form says so in words; what was typed is not lost."""
    form = {"to": cast.charlie.username, "act": "other", **wrong}
    assert say(engineer, cast, form.pop("act"), **form) == 400
    assert not Attribution.objects.exists()


def test_where_it_leads_the_people_of_there_see_it(
    held: int, cast: Cast, offices: Offices, engineer: Client, enter: Enter
) -> None:
    """Charlie is known elsewhere: a doctor of there finds the proposal, and may confirm it."""
    Registration.objects.create(patient=cast.charlie, establishment=offices.elsewhere, since_ms=NOW - 1)
    say(engineer, cast, "other", to=cast.charlie.username)
    far: Account = offices.far_doctor
    client = enter(far)
    confirm(client)
    assert "Rendu le soir." in text(client)
    assert decide(client, "confirm") == 302
    assert rows_of(cast.charlie.pk).count() == held


@pytest.mark.parametrize(
    ("kind", "word"),
    [(SecondPersonError, "another person"), (PeriodTakenError, "already"), (NothingHeldError, "nothing is held"),
     (NothingInsideError, "lies whole"), (OtherPatientError, "user name"), (MalformedError, "a date"),
     (RefusedError, "a reason")],
)  # fmt: skip
def test_each_refusal_has_its_words_by_its_code(kind: type[RefusedError], word: str) -> None:
    """Whatever its message says: a message may be reworded."""
    assert word in _problem(kind("reworded"))
