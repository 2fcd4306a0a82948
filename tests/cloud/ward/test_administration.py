"""Establishments, invitations and the place one acts for: what one officer may do, what takes two, what nobody sees."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.invitations import find_invitation
from egide.cloud.people.models import Establishment, Invitation, Proposal
from egide.cloud.people.offices import offices_of, propose, seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.errors import SignInError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm, give
from tests.support.cast import Cast

PATIENTS = ("Alice", "Moreau", "Charlie", "36.50", "Glucose 1", "Found unconscious")


def test_an_establishment_is_declared_named_and_grouped(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Each step is asked a factor where it opens something, and is a statement of the register."""
    client = enter(offices.administrator)
    assert client.get("/office/places/new").headers["Location"].startswith(reverse("signin:confirm"))
    confirm(client)
    form = {
        "name": "Cabinet des Lilas",
        "kind": "practice",
        "beside": str(offices.elsewhere.pk),
        "group": "GHT Nord",
    }
    assert client.post("/office/places/new", form).status_code == 302
    made = next(e for e in Establishment.objects.all() if e.name == "Cabinet des Lilas")
    offices.elsewhere.refresh_from_db()
    assert made.group is not None
    assert (made.kind, made.group.name, made.group.reference) == ("practice", "GHT Nord", offices.elsewhere.pk)
    page = client.get(f"/office/places/{made.pk}").content.decode()
    assert "GHT Nord" in page
    assert client.post(f"/office/places/{made.pk}", {"name": "Cabinet des Roses"}).status_code == 302
    made.refresh_from_db()
    assert made.name == "Cabinet des Roses"
    assert client.post(f"/office/places/{made.pk}/group", {"beside": ""}).status_code == 302
    made.refresh_from_db()
    assert made.group is None
    kinds = set(Statement.objects.values_list("kind", flat=True))
    assert {"establishment", "group", "group-member"} <= kinds


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"name": " "}, id="no-name"),
        pytest.param({"kind": "castle"}, id="no-such-kind"),
        pytest.param({"group": ""}, id="a-group-without-a-name"),
    ],
)
def test_a_form_that_cannot_be_is_shown_again_and_writes_nothing(
    cast: Cast, offices: Offices, enter: Enter, wrong: dict[str, str]
) -> None:
    """What was typed is still there; no establishment and no group is left half made."""
    client = enter(offices.administrator)
    confirm(client)
    form = {"name": "Cabinet des Lilas", "kind": "practice", "beside": str(offices.elsewhere.pk), "group": "GHT"}
    before = (Establishment.objects.count(), Statement.objects.filter(kind="group").count())
    answer = client.post("/office/places/new", form | wrong)
    assert answer.status_code == 400
    assert "Nothing was declared" in answer.content.decode()
    assert (Establishment.objects.count(), Statement.objects.filter(kind="group").count()) == before


def test_the_reference_of_a_group_cannot_leave_it(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The page says so, and nothing changes."""
    client = enter(offices.administrator)
    confirm(client)
    form = {"name": "Cabinet", "kind": "practice", "beside": str(offices.elsewhere.pk), "group": "GHT"}
    assert client.post("/office/places/new", form).status_code == 302
    answer = client.post(f"/office/places/{offices.elsewhere.pk}/group", {"beside": ""})
    assert answer.status_code == 400
    assert "cannot leave" in answer.content.decode()
    offices.elsewhere.refresh_from_db()
    assert offices.elsewhere.group is not None


def test_officers_of_another_establishment_declare_and_group_nothing(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Only who administers the platform's own establishment does; ours is not even found by others."""
    client = enter(offices.far_administrator)
    confirm(client)
    assert client.get("/office/places/new").status_code == 404
    assert client.post("/office/places/new", {"name": "X", "kind": "clinic"}).status_code == 404
    assert client.post(f"/office/places/{offices.elsewhere.pk}/group", {"beside": ""}).status_code == 404
    assert client.get(f"/office/places/{offices.here.pk}").status_code == 404
    assert client.post(f"/office/places/{offices.elsewhere.pk}", {"name": "Chez nous"}).status_code == 302
    page = client.get("/office/places").content.decode()
    assert "Chez nous" in page
    assert "Declare an establishment" not in page


def test_a_colleague_is_given_a_further_office_without_an_invitation(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Two people still; somebody of another establishment cannot be chosen."""
    client = enter(offices.administrator)
    confirm(client)
    form = {"who": str(cast.bob.pk), "office": "nurse", "place": str(offices.here.pk)}
    assert client.post("/office/people/propose", form).status_code == 302
    waiting = Proposal.objects.get()
    assert (waiting.account, waiting.office) == (cast.bob, "nurse")
    second = enter(offices.administrator)
    confirm(second)
    assert second.post(f"/office/proposals/{waiting.pk}/approve").status_code == 400
    other = create_account("operator", "Berthe Mine", NOW - 900)
    give(other, "administrator", offices.here)
    second = enter(other)
    confirm(second)
    assert second.post(f"/office/proposals/{waiting.pk}/approve").status_code == 302
    assert "nurse" in {m.office for m in offices_of(cast.bob, now_ms=NOW)}
    assert not Invitation.objects.exists()
    stranger = {**form, "who": str(cast.charlie.pk)}
    assert client.post("/office/people/propose", stranger).status_code == 404


def test_an_invitation_is_withdrawn_by_one_and_given_again_with_a_factor(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """The one before stops working at once; an address is shown once, and never again."""
    newcomer = create_account("professional", "Nina Neuve", NOW - 1_000)
    waiting = propose(newcomer, offices.here, "nurse", by=offices.security, now_ms=NOW - 500)
    client = enter(offices.administrator)
    confirm(client)
    first = _token(client.post(f"/office/proposals/{waiting.pk}/approve").content.decode())
    row = Invitation.objects.get()
    assert find_invitation(first, NOW).pk == row.pk
    page = client.get("/office/people").content.decode()
    assert "Nina Neuve" in page
    assert "/welcome#" not in page
    unconfirmed = enter(offices.administrator)
    again = f"/office/invitations/{row.pk}/again"
    assert unconfirmed.post(again).headers["Location"].startswith(reverse("signin:confirm"))
    second = _token(client.post(again).content.decode())
    with pytest.raises(SignInError):
        find_invitation(first, NOW)
    fresh = find_invitation(second, NOW)
    sure = unconfirmed.get(f"/office/invitations/{fresh.pk}/withdraw").content.decode()
    assert "Withdraw the invitation of Nina Neuve?" in sure
    assert enter(offices.far_dpo).get(f"/office/invitations/{fresh.pk}/withdraw").status_code == 403
    assert find_invitation(second, NOW).pk == fresh.pk
    assert unconfirmed.post(f"/office/invitations/{fresh.pk}/withdraw").status_code == 302
    assert unconfirmed.get(f"/office/invitations/{fresh.pk}/withdraw").status_code == 404
    with pytest.raises(SignInError):
        find_invitation(second, NOW)
    assert unconfirmed.post(f"/office/invitations/{fresh.pk}/withdraw").status_code == 400


def test_who_is_invited_as_a_patient_is_not_on_the_desk(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Neither listed nor withdrawn nor given again from there."""
    from egide.cloud.people.invitations import invite_patient

    register_patient(cast.alice, offices.here, by=offices.administrator, now_ms=NOW - 900)
    invite_patient(cast.alice, offices.here, by=cast.bob, now_ms=NOW - 800)
    row = Invitation.objects.get()
    client = enter(offices.administrator)
    confirm(client)
    assert "Alice" not in client.get("/office/people").content.decode()
    for act in ("withdraw", "again"):
        assert client.post(f"/office/invitations/{row.pk}/{act}").status_code == 404


@pytest.mark.parametrize("who", ["security", "dpo", "administrator", "engineer", "auditor", "researcher", "maker"])
def test_no_page_of_who_is_in_charge_holds_a_patient_or_a_value(
    cast: Cast, offices: Offices, enter: Enter, who: str
) -> None:
    """Every page that they can open, followed link by link from the first: no patient's name, no measurement."""
    register_patient(cast.alice, offices.here, by=offices.administrator, now_ms=NOW - 900)
    client = enter(getattr(offices, who))
    confirm(client)
    seen, ahead = set(), ["/"]
    while ahead:
        path = ahead.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code in (200, 302, 404, 405), (who, path)
        if answer.status_code != 200 or answer.streaming or not answer.headers["Content-Type"].startswith("text/html"):
            continue
        page = answer.content.decode()
        if not path.startswith("/rights/desk") or who != "dpo":  # whose request it is, is theirs to know
            assert not [text for text in PATIENTS if text in page], (who, path)
        ahead += [href for href in re.findall(r'href="(/[^"#]*)"', page) if not href.startswith("/static/")]
    assert any(path.startswith("/office/") for path in seen)


def test_who_works_in_two_places_acts_for_one_and_sees_which(cast: Cast, offices: Offices, enter: Enter) -> None:
    """The desks are those of the place chosen; the other place's rows are not found until one changes."""
    both = (offices.security, offices.security)
    seat(offices.security, offices.elsewhere, "administrator", by=both, now_ms=NOW - 500, how="ceremony")
    client = enter(offices.security)
    page = client.get("/office/security").content.decode()
    assert "You act for:" in page
    assert client.get("/office/people").status_code == 403
    answer = client.post("/office/acting", {"place": str(offices.elsewhere.pk)})
    assert answer.headers["Location"] == "/office/people"
    page = client.get("/office/people").content.decode()
    assert "Clinique des Tilleuls" in page
    assert "Dr Bob Durand" not in page
    assert client.get("/office/security").status_code == 403
    assert client.post("/office/acting", {"place": "x"}).status_code == 404
    third = create_establishment("clinic", "Ailleurs", now_ms=NOW)
    assert client.post("/office/acting", {"place": str(third.pk)}).status_code == 404


def test_who_works_in_one_place_is_not_asked(cast: Cast, offices: Offices, enter: Enter) -> None:
    """No line, no choice; and patients, who work nowhere, are refused the page."""
    assert "You act for:" not in enter(offices.security).get("/office/security").content.decode()
    assert enter(cast.alice).get("/office/acting").status_code == 403


def _token(page: str) -> str:
    found = re.search(r"/welcome#([\w-]+)", page)
    assert found is not None
    return found[1]
