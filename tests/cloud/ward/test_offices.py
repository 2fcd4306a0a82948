"""The officers' desks: what they tell, to whom, and that no measurement and no patient's name is among it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from egide.cloud.intake.models import Event, Refused
from egide.cloud.people.models import Membership, Proposal
from egide.cloud.people.offices import offices_of, propose
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.ward import health
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm
from tests.support.cast import Cast
from tests.support.ward import HOUR_MS, spot

DESKS = (
    "/office/security", "/office/quarantine", "/office/privacy", "/office/people", "/office/people/propose",
    "/office/places", "/office/places/new", "/office/platform", "/office/fleet", "/office/audit", "/office/research",
    "/office/products",
)  # fmt: skip
PATIENTS = ("Alice", "Moreau", "Charlie", "mg/dL", "mmHg", "36.50")


def test_the_security_desk_shows_clones_quarantine_and_floods(cast: Cast, offices: Offices, enter: Enter) -> None:
    """By object and code; what was refused stays sealed, and no patient is named."""
    cast.scale.deliver(cast.scale.sign(spot("29463-7", "kg", "55.5"), t0_ms=NOW - HOUR_MS, seq=1), NOW)
    for n in range(64):
        Refused.objects.create(
            at_ms=NOW - HOUR_MS,
            code="signature-invalid",
            digest=bytes([n]) * 32,
            source=str(cast.scale.row.pk),
            sealed=b"x",
        )
    page = enter(offices.security).get("/office/security").content.decode()
    for shown in ("Two messages under one number", "Balance Claire", "the signature does not hold", "64 messages lie"):
        assert shown in page
    assert "No source was refused more often" not in page
    assert not [text for text in PATIENTS if text in page]


def test_the_privacy_desk_says_why_and_writes_that_it_looked(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The reader is named, the patient is not; the look is a statement that names the officer."""
    enter(cast.diane).get(f"/patients/{cast.alice.pk}")
    page = enter(offices.dpo).get("/office/privacy").content.decode()
    assert "Diane Roux" in page
    assert "Nothing lets this reader see this record" in page
    assert not [text for text in PATIENTS if text in page]
    assert Statement.objects.order_by("-entry")[0].kind == "officer-look"


def test_the_administrators_desk_names_staff_and_never_patients(cast: Cast, offices: Offices, enter: Enter) -> None:
    """People with an office, what waits, places: counted patients, unnamed."""
    page = enter(offices.administrator).get("/office/people").content.decode()
    for shown in ("Dr Bob Durand", "Sophie Garde", "Clinique des Tilleuls"):
        assert shown in page
    assert not [text for text in PATIENTS if text in page]


def test_an_office_needs_a_second_person_and_a_recent_factor(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Whoever proposed sees that somebody else must approve; the other is asked for a factor first, then approves."""
    newcomer = create_account("professional", "Nina Neuve", NOW - 1_000)
    waiting = propose(newcomer, offices.here, "nurse", by=offices.security, now_ms=NOW - 500)
    client = enter(offices.administrator)
    assert "Nina Neuve" in client.get("/office/people").content.decode()
    answer = client.post(f"/office/proposals/{waiting.pk}/approve")
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, reverse("signin:confirm"))
    assert offices_of(newcomer, now_ms=NOW) == ()
    confirm(client)
    page = client.post(f"/office/proposals/{waiting.pk}/approve").content.decode()
    assert "/welcome#" in page
    assert [m.office for m in offices_of(newcomer, now_ms=NOW)] == ["nurse"]
    own = propose(cast.bob, offices.here, "nurse", by=offices.administrator, now_ms=NOW - 500)
    assert client.post(f"/office/proposals/{own.pk}/approve").status_code == 400


def test_an_office_ends_at_once_by_one_officer_and_only_when_confirmed(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Ending narrows: no factor is asked for, but a stray request ends nothing."""
    held = Membership.objects.get(account=cast.diane)
    client = enter(offices.administrator)
    assert client.post(f"/office/memberships/{held.pk}/end").status_code == 400
    assert client.post(f"/office/memberships/{held.pk}/end", {"sure": "yes"}).status_code == 302
    assert offices_of(cast.diane, now_ms=NOW) == ()


def test_the_platforms_health_is_told_in_facts(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Register open, no checkpoint, no witness, no backup known: each said as it is."""
    page = enter(offices.administrator).get("/office/platform").content.decode()
    for shown in ("The database answers", "No outside witness is asked", "The register tells of no backup"):
        assert shown in page
    assert {c.key: c.state for c in health.checks(now_ms=NOW)}["worker"] == health.WRONG


@pytest.mark.parametrize("path", DESKS)
@pytest.mark.parametrize("who", ["alice", "bob", "diane"])
def test_no_desk_opens_without_its_office(cast: Cast, offices: Offices, enter: Enter, who: str, path: str) -> None:
    """Patients, doctors: refused, whatever else they may do."""
    client = enter(getattr(cast, who))
    confirm(client)
    assert client.get(path).status_code == 403


def test_each_office_opens_its_own_desk_and_no_other(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Nobody in charge sees the pages of another office; health is the one page of two."""
    allowed = {
        "security": {DESKS[0], "/office/quarantine", "/office/platform"},
        "dpo": {"/office/privacy"},
        "administrator": {"/office/people", "/office/people/propose", "/office/places", "/office/places/new",
                          "/office/platform"},
        "engineer": {"/office/fleet"},
        "auditor": {"/office/audit"},
        "researcher": {"/office/research"},
        "maker": {"/office/products"},
    }  # fmt: skip
    for office, mine in allowed.items():
        client = enter(getattr(offices, office))
        confirm(client)
        assert {path for path in DESKS if client.get(path).status_code == 200} == mine


def test_officers_of_another_establishment_see_nothing_of_this_one(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Their desks open and are empty of ours; platform health is not theirs; our rows are not found."""
    Event.objects.create(at_ms=NOW, kind="policy-disagreement", detail="professional TREAT")
    enter(cast.diane).get(f"/patients/{cast.alice.pk}")
    security = enter(offices.far_security).get("/office/security").content.decode()
    assert "No event was raised" in security
    privacy = enter(offices.far_dpo).get("/office/privacy").content.decode()
    assert "Diane Roux" not in privacy
    client = enter(offices.far_administrator)
    people = client.get("/office/people").content.decode()
    assert "Loin Garde" in people
    assert "Dr Bob Durand" not in people
    assert client.get("/office/platform").status_code == 404
    held = Membership.objects.get(account=cast.diane)
    assert client.post(f"/office/memberships/{held.pk}/end", {"sure": "yes"}).status_code == 404
    waiting = propose(create_account("professional", "N", NOW), offices.here, "nurse", by=offices.security, now_ms=NOW)
    assert client.post(f"/office/proposals/{waiting.pk}/refuse").status_code == 404


@pytest.mark.parametrize("who", ["security", "dpo", "administrator"])
@pytest.mark.parametrize("page", ["", "/latest", "/series?code=8867-4", "/reading/{entry}-0-0", "/proof/{entry}"])
def test_officers_open_no_record(cast: Cast, offices: Offices, enter: Enter, who: str, page: str) -> None:
    """Each address of a record refuses them and says nothing."""
    entry = Statement.objects.order_by("-entry")[0].entry
    answer = enter(getattr(offices, who)).get(f"/patients/{cast.alice.pk}{page.format(entry=entry)}")
    assert answer.status_code == 403
    assert not [text for text in PATIENTS if text.encode() in answer.content]
    assert enter(getattr(offices, who)).get("/patients").status_code == 403


def test_a_newcomer_is_proposed_on_the_desk_and_can_do_nothing_before_a_second_person(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """A factor is asked for; another establishment, an office that does not exist and no name propose nobody."""
    form = {"name": "Nina Neuve", "office": "nurse", "place": str(offices.here.pk)}
    client = enter(offices.administrator)
    assert client.post("/office/people/propose", form).headers["Location"].startswith(reverse("signin:confirm"))
    confirm(client)
    assert client.post("/office/people/propose", form).status_code == 302
    waiting = Proposal.objects.get()
    assert offices_of(waiting.account, now_ms=NOW) == ()
    assert client.post(f"/office/proposals/{waiting.pk}/approve").status_code == 400
    for wrong in ({"office": "king"}, {"name": " "}, {"place": ""}):
        assert client.post("/office/people/propose", {**form, **wrong}).status_code in (400, 404)
    far = enter(offices.far_administrator)
    confirm(far)
    assert far.post("/office/people/propose", form).status_code == 404
    assert Proposal.objects.count() == 1
