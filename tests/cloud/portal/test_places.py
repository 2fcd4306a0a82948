"""Granting to a place or to a team in the pages, and what its members find; whom the page refuses, and why."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from egide.cloud.consent import follow_ups, grants, restrictions
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account, Establishment, Registration
from egide.cloud.people.offices import dismiss, seat
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import DAY_MS


@pytest.fixture
def clinic(cast: Cast) -> Establishment:
    """Alice is known there."""
    made = create_establishment("clinic", "Clinique des Lilas", now_ms=NOW - DAY_MS)
    Registration.objects.create(patient=cast.alice, establishment=made, since_ms=NOW - DAY_MS)
    return made


@pytest.fixture
def care(cast: Cast) -> str:
    """A follow-up by Dr Bob, with papers."""
    return follow_ups.begin_follow_up(
        cast.alice, responsible=cast.bob, prescription="p", operator="o", recorded_by=cast.bob, now_ms=NOW - DAY_MS
    )


def entered(enter: Enter, account: Account) -> Client:
    client = enter(account)
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()
    return client


def give(client: Client, who: dict[str, str], purpose: str) -> Any:
    """Every question, then a simple yes; the page of the sentence."""
    client.post("/me/sharing/new/who", who)
    client.post("/me/sharing/new/what", {"family": ["glucose"], "data": "all"})
    client.post("/me/sharing/new/until", {"until": "30"})
    client.post("/me/sharing/new/for", {"for": purpose})
    page = client.get("/me/sharing/new/review")
    client.post("/me/sharing/new/review", {"text": page.context["act"].mark})
    return page


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def test_a_place_is_offered_granted_and_read_through_whoever_works_there(
    cast: Cast, enter: Enter, clinic: Establishment
) -> None:
    """Diane finds Alice's record among what is shared with her, reads it, leaves the clinic, and reads no more."""
    client = entered(enter, cast.alice)
    assert "Clinique des Lilas" in text(client.get("/me/sharing/new/who"))
    page = give(client, {"who": str(clinic.pk)}, "TREAT")
    assert "I let Clinique des Lilas see these measurements of mine: glucose." in text(page)
    assert "the care professionals who work there when they look" in text(page)
    assert "Clinique des Lilas" in text(client.get("/me/sharing"))
    diane = enter(cast.diane)
    assert diane.get(f"/patients/{cast.alice.pk}").status_code == 403
    held = seat(cast.diane, clinic, "nurse", by=(cast.bob, cast.diane), now_ms=NOW, how="test")
    assert "Alice Moreau" in text(diane.get("/shared"))
    assert diane.get(f"/patients/{cast.alice.pk}").status_code == 200
    dismiss(held, by=cast.diane, now_ms=NOW)
    assert "Alice Moreau" not in text(diane.get("/shared"))
    assert diane.get(f"/patients/{cast.alice.pk}").status_code == 403


def test_a_place_is_found_by_its_name(cast: Cast, enter: Enter, clinic: Establishment) -> None:
    """Letter case aside; it is nobody's family, so that is no purpose of it."""
    client = entered(enter, cast.charlie)
    client.post("/me/sharing/new/who", {"name": "clinique  DES lilas"})
    page = text(client.get("/me/sharing/new/for"))
    assert "To treat me" in page
    assert "So that my family knows" not in page
    client.post("/me/sharing/new/what", {"family": ["glucose"], "data": "all"})
    assert client.post("/me/sharing/new/for", {"for": "FAMRQT"}).status_code == 400
    give(client, {"name": "clinique  DES lilas"}, "CAREMGT")
    assert grants.grants_of(cast.charlie)[0].holder.id == str(clinic.pk)


def test_a_team_is_offered_by_its_doctor_s_name(cast: Cast, enter: Enter, care: str) -> None:
    """For organising care, which the law does not deem shared; hiding can name the team too."""
    client = entered(enter, cast.alice)
    assert "The care team of Dr Bob Durand" in text(client.get("/me/sharing/new/who"))
    page = give(client, {"who": care}, "CAREMGT")
    assert "those who are in that team when they look" in text(page)
    (held,) = grants.grants_of(cast.alice)
    assert (held.holder.kind, held.holder.id) == ("team", care)
    assert "the care team of Dr Bob Durand" in text(client.get("/me/sharing"))
    client.post("/me/sharing/hide/from", {"who": care})
    client.post("/me/sharing/hide/which", {"family": "weight", "data": "all"})
    client.post("/me/sharing/hide/check")
    assert restrictions.restrictions_of(cast.alice)[0].who.kind == "team"
    follow_ups.close_follow_up(cast.alice, care, reason="over", now_ms=NOW)
    assert "The care team of Dr Bob Durand" not in text(client.get("/me/sharing/new/who"))


@pytest.mark.parametrize("kind", ["insurer", "employer", "bank"])
def test_such_a_place_is_never_offered_and_the_page_says_why_not(cast: Cast, enter: Enter, kind: str) -> None:
    """Found by name, refused with the reason; even one that says it knows the patient."""
    place = create_establishment(kind, "Prévoyance du Midi", now_ms=NOW)
    Registration.objects.create(patient=cast.alice, establishment=place, since_ms=NOW)
    client = entered(enter, cast.alice)
    assert "Prévoyance du Midi" not in text(client.get("/me/sharing/new/who"))
    for said in ({"name": "Prévoyance du Midi"}, {"who": str(place.pk), "name": "prévoyance du midi"}):
        answer = client.post("/me/sharing/new/who", said)
        assert answer.status_code == 400
        assert "Nothing opens your measurements to them, even with your agreement" in text(answer)
    assert "draft.grant" not in client.session
    assert "a loan, a job or a contract would depend on it" in text(client.get("/me/sharing"))


def test_no_app_is_offered(cast: Cast, enter: Enter) -> None:
    """None can be connected yet: a grant to one that was signed elsewhere is listed, and can be stopped."""
    key = grants.give_grant(
        cast.alice, "walking-app", families=["activity"], purpose="PATRQT", now_ms=NOW - 1, until_ms=None
    )
    client = entered(enter, cast.alice)
    question = text(client.get("/me/sharing/new/who")).partition("<main")[2].partition("</main")[0]
    assert not re.search(r"\bapps?\b", question)
    assert "an app" in text(client.get("/me/sharing"))
    client.post(f"/me/sharing/grants/{key}/withdraw")
    assert grants.grants_of(cast.alice)[0].until_ms == NOW
