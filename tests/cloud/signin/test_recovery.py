"""Who lost everything is let in anew by two people and a day; and by nobody alone."""

from __future__ import annotations

import pytest
from django.test import Client

from egide.cloud.consent.representation import end_representation, represent
from egide.cloud.people.ceremony import found
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.models import Account, Invitation, Membership
from egide.cloud.people.offices import appoint, dismiss, seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.signin import recovery
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.errors import RecoveryError, WaitingError
from egide.cloud.signin.recovery import LAPSE_MS, WAIT_MS
from egide.cloud.signin.sessions import CONFIRMED
from egide.errors import AccessDeniedError
from tests.cloud.conftest import NOW
from tests.cloud.signin.conftest import Hands, browser, enrol, enter_by_link, present
from tests.support.ward import HOUR_MS, Ward, spot

pytestmark = pytest.mark.django_db


class Desk:
    """Two nurses and the two officers who founded the platform."""

    def __init__(self) -> None:
        self.admin, self.security = found("Adèle Roux", "Simon Blanc", now_ms=NOW)
        self.nora, self.nils = (self._nurse(name) for name in ("Nora Petit", "Nils Grand"))

    def _nurse(self, name: str) -> Account:
        nurse = create_account("professional", name, NOW)
        appoint(nurse, home(NOW), "nurse", by=(self.admin, self.security), now_ms=NOW)
        return nurse


@pytest.fixture
def desk(ward: Ward) -> Desk:
    return Desk()


@pytest.fixture
def lost(alice: Account, desk: Desk) -> Account:
    """Alice, known at home, who had a passkey."""
    enrol(enter_by_link(alice))
    register_patient(alice, home(NOW), by=desk.nora, now_ms=NOW)
    return alice


def ask(account: Account, by: Account, *, at: int = NOW) -> recovery.Running:
    return recovery.ask(account, by=by, evidence="identity-card", now_ms=at)


def test_two_people_and_a_day_open_an_account_anew(lost: Account, desk: Desk, hands: Hands) -> None:
    """Then the old passkey is worth nothing, the sessions are over, and a link makes a new one."""
    here = browser_of(lost)
    old = enrol(here)
    ask(lost, desk.nora)
    recovery.approve(lost, by=desk.nils, now_ms=NOW)
    hands.on(WAIT_MS)
    token = recovery.complete(lost, by=desk.nora, now_ms=hands.now_ms)
    assert not has_factor(lost)
    assert here.get("/me").status_code == 302
    assert present(browser(), old).status_code == 400
    client = browser()
    assert client.post("/sign-in", {"code": token}).headers["Location"] == "/"
    assert present(browser(), enrol(client)).status_code == 302


def browser_of(account: Account) -> Client:
    """An open session that may enrol: the factor was just shown."""
    client = browser()
    client.force_login(account)
    session = client.session
    session[CONFIRMED] = NOW
    session.save()
    return client


def test_one_person_is_not_enough(lost: Account, desk: Desk) -> None:
    """Neither by approving one's own, nor by a second account in the same name."""
    ask(lost, desk.nora)
    twin = desk._nurse("NORA petit")
    for who in (desk.nora, twin):
        with pytest.raises(RecoveryError):
            recovery.approve(lost, by=who, now_ms=NOW)
    with pytest.raises(RecoveryError):
        recovery.complete(lost, by=desk.nora, now_ms=NOW + WAIT_MS)
    assert has_factor(lost)


def test_nothing_happens_before_the_day_is_over(lost: Account, desk: Desk) -> None:
    """Not a millisecond."""
    ask(lost, desk.nora)
    recovery.approve(lost, by=desk.nils, now_ms=NOW + HOUR_MS)
    with pytest.raises(WaitingError):
        recovery.complete(lost, by=desk.nora, now_ms=NOW + HOUR_MS + WAIT_MS - 1)
    assert recovery.complete(lost, by=desk.nora, now_ms=NOW + HOUR_MS + WAIT_MS)


def test_the_owner_stops_it_from_any_session(lost: Account, desk: Desk) -> None:
    """They are told, and one click ends it: it narrows, so no factor is asked."""
    client = browser()
    client.force_login(lost)
    ask(lost, desk.nora)
    recovery.approve(lost, by=desk.nils, now_ms=NOW)
    page = client.get("/security").content
    assert b"Somebody is opening this account anew" in page
    assert b"A second person approved" in page
    assert client.post("/security/recovery/stop").status_code == 302
    with pytest.raises(RecoveryError):
        recovery.complete(lost, by=desk.nora, now_ms=NOW + WAIT_MS)
    assert has_factor(lost)


def test_relatives_patients_and_strangers_are_neither_of_the_two(lost: Account, desk: Desk, bruno: Account) -> None:
    """A carer can never be that person; nor who has no office, nor the owner."""
    relative = create_account("relative", "Rémi Moreau", NOW)
    stranger = create_account("professional", "Diane Roux", NOW)
    for who in (relative, stranger, bruno, lost):
        with pytest.raises(AccessDeniedError):
            ask(lost, who)


def test_a_representative_who_also_works_here_is_neither_of_the_two(lost: Account, desk: Desk) -> None:
    """Under another account, of another role, with an office: still not; nor once it is over."""
    nils = create_account("relative", "Nils Grand", NOW)
    held = represent(lost, nils, nature="mandate", deed="acte 12", recorded_by=desk.nora, now_ms=NOW)
    ask(lost, desk.nora)
    with pytest.raises(AccessDeniedError):
        recovery.approve(lost, by=desk.nils, now_ms=NOW)
    end_representation(lost, held, now_ms=NOW + 1)
    with pytest.raises(AccessDeniedError):
        recovery.approve(lost, by=desk.nils, now_ms=NOW + 2)


def test_a_patient_of_elsewhere_is_not_touched(alice: Account, desk: Desk) -> None:
    """The desk acts for people whom its establishment knows."""
    enrol(enter_by_link(alice))
    clinic = create_establishment("clinic", "Clinique des Pins", now_ms=NOW)
    other = create_account("professional", "Nadia Sol", NOW)
    seat(other, clinic, "nurse", by=(desk.admin, desk.security), now_ms=NOW, how="two-people")
    with pytest.raises(AccessDeniedError):
        ask(alice, other)
    assert ask(alice, desk.nora)


def test_a_professional_s_account_needs_an_officer(desk: Desk) -> None:
    """Two nurses cannot open the account of a third."""
    third = desk._nurse("Théo Brun")
    enrol(enter_by_link(third))
    ask(third, desk.nora)
    with pytest.raises(AccessDeniedError):
        recovery.approve(third, by=desk.nils, now_ms=NOW)
    assert recovery.approve(third, by=desk.security, now_ms=NOW).ready_ms == NOW + WAIT_MS


class Clinic:
    """A nurse and an administrator of another establishment."""

    def __init__(self, desk: Desk) -> None:
        self.place = create_establishment("clinic", "Clinique des Pins", now_ms=NOW)
        self.nurse = self.staff(desk, "professional", "Nadia Sol", "nurse")
        self.officer = self.staff(desk, "operator", "Odile Loin", "administrator")

    def staff(self, desk: Desk, role: str, name: str, office: str) -> Account:
        made = create_account(role, name, NOW)
        seat(made, self.place, office, by=(desk.admin, desk.security), now_ms=NOW, how="two-people")
        return made


@pytest.mark.parametrize("whose", ["nurse", "officer", "relative", "without an office"])
def test_nobody_of_elsewhere_opens_an_account_of_here(desk: Desk, whose: str) -> None:
    """Neither asks nor approves; the page answers as it does for a name that nobody has."""
    clinic, target = Clinic(desk), desk.nils
    if whose == "officer":
        target = desk.security
    elif whose == "relative":
        target = create_account("relative", "Rita Proche", NOW)
    elif whose == "without an office":
        target = create_account("professional", "Diane Roux", NOW)
    enrol(enter_by_link(target))
    for who in (clinic.nurse, clinic.officer):
        with pytest.raises(AccessDeniedError):
            ask(target, who)
    ask(target, desk.nora)
    for who in (clinic.nurse, clinic.officer):
        with pytest.raises(AccessDeniedError):
            recovery.approve(target, by=who, now_ms=NOW)
    client = browser_of(clinic.nurse)
    answers = [client.post("/desk/recovery", {"who": name}) for name in (target.username, "Nobody At All")]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert client.get(f"/desk/recovery/{target.pk}").status_code == 403


def test_a_name_borne_elsewhere_is_not_told(desk: Desk) -> None:
    """Two people of here by one name are not told of at a desk of elsewhere; one of elsewhere is found beside them."""
    clinic = Clinic(desk)
    for _ in range(2):
        desk._nurse("Théo Brun")
    client = browser_of(clinic.nurse)
    assert b"Several" not in client.post("/desk/recovery", {"who": "Théo Brun"}).content
    theirs = clinic.staff(desk, "professional", "Théo Brun", "nurse")
    assert client.post("/desk/recovery", {"who": "Théo Brun"}).headers["Location"].endswith(str(theirs.pk))


def test_who_works_in_two_places_needs_an_officer_of_both(desk: Desk) -> None:
    """An officer of one alone would be let into the other; one who steers both is enough."""
    clinic = Clinic(desk)
    both = desk._nurse("Théo Brun")
    seat(both, clinic.place, "nurse", by=(desk.admin, desk.security), now_ms=NOW, how="two-people")
    enrol(enter_by_link(both))
    ask(both, clinic.nurse)
    with pytest.raises(AccessDeniedError):
        recovery.approve(both, by=clinic.officer, now_ms=NOW)
    assert recovery.approve(both, by=desk.security, now_ms=NOW).ready_ms == NOW + WAIT_MS


def test_a_relative_is_let_in_anew_where_they_were_invited(desk: Desk) -> None:
    """The desk that invited them knows them; that of another place does not."""
    clinic = Clinic(desk)
    relative = create_account("relative", "Rita Proche", NOW)
    enrol(enter_by_link(relative))
    Invitation.objects.create(
        account=relative, establishment=clinic.place, made_by=clinic.officer, made_ms=NOW, expires_ms=NOW + 1,
        token_hash=b"x" * 32,
    )  # fmt: skip
    with pytest.raises(AccessDeniedError):
        ask(relative, desk.nora)
    ask(relative, clinic.nurse)
    assert recovery.approve(relative, by=clinic.officer, now_ms=NOW).ready_ms == NOW + WAIT_MS


def test_who_asked_and_was_dismissed_since_is_not_one_of_the_two(lost: Account, desk: Desk) -> None:
    """Both work at the desk when the second agrees."""
    ask(lost, desk.nora)
    dismiss(Membership.objects.get(account=desk.nora), by=desk.admin, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        recovery.approve(lost, by=desk.nils, now_ms=NOW)


def test_what_counts_are_the_statements(lost: Account, desk: Desk) -> None:
    """An approval written into the table without a signature, or moved from another account, says nothing."""
    ask(lost, desk.nora)
    third = desk._nurse("Théo Brun")
    enrol(enter_by_link(third))
    ask(third, desk.nora)
    recovery.approve(third, by=desk.security, now_ms=NOW)
    Statement.objects.filter(subject=third.pk, kind="recovery-approval").update(subject=lost.pk)
    with pytest.raises(RecoveryError):
        recovery.complete(lost, by=desk.nora, now_ms=NOW + WAIT_MS)
    kinds = set(Statement.objects.filter(subject=lost.pk, kind__startswith="recovery").values_list("kind", flat=True))
    assert "recovery-ask" in kinds


def test_a_recovery_lapses(lost: Account, desk: Desk) -> None:
    """After a week it must be asked again."""
    ask(lost, desk.nora)
    recovery.approve(lost, by=desk.nils, now_ms=NOW)
    with pytest.raises(RecoveryError):
        recovery.complete(lost, by=desk.nora, now_ms=NOW + LAPSE_MS)
    assert ask(lost, desk.nils, at=NOW + LAPSE_MS)


def test_losing_everything_stops_no_reading(lost: Account, desk: Desk, ward: Ward) -> None:
    """An object measures, and its measurement is received, at each step."""
    scale = ward.thing("Balance Claire", lost)
    entries = [scale.send(spot("29463-7", "kg", "71.4"), t0_ms=NOW - HOUR_MS)]
    ask(lost, desk.nora)
    entries.append(scale.send(spot("29463-7", "kg", "71.5"), t0_ms=NOW - HOUR_MS + 1000))
    recovery.approve(lost, by=desk.nils, now_ms=NOW)
    recovery.complete(lost, by=desk.nora, now_ms=NOW + WAIT_MS)
    entries.append(scale.send(spot("29463-7", "kg", "71.6"), t0_ms=NOW - HOUR_MS + 2000))
    assert sorted(set(entries)) == entries


def test_the_desk_s_pages_ask_for_one_s_own_factor(lost: Account, desk: Desk) -> None:
    """Opening an account widens. The page names nobody, and a link is shown once it is due."""
    client = browser()
    client.force_login(desk.nora)
    assert client.get("/desk/recovery").headers["Location"].startswith("/security/confirm")
    client = browser_of(desk.nora)
    found_page = client.post("/desk/recovery", {"who": "alice  moreau"})
    address = found_page.headers["Location"]
    assert address == f"/desk/recovery/{lost.pk}"
    assert client.post("/desk/recovery", {"who": "Nobody Here"}).status_code == 400
    assert client.post(address, {"act": "ask", "evidence": "passport"}).status_code == 302
    assert b"somebody else approves" in client.get(address).content
    other = browser_of(desk.nils)
    assert other.post(address, {"act": "approve"}).status_code == 302
    page = other.get(address).content
    assert b"Moreau" not in page
    assert b"Not yet" in page
    assert other.post(address, {"act": "complete"}).status_code == 400


def test_who_has_no_office_finds_nobody(lost: Account) -> None:
    """The desk is for those who work there: to others it does not open."""
    client = browser_of(lost)
    assert client.get("/desk/recovery").status_code == 403
    assert client.get(f"/desk/recovery/{lost.pk}").status_code == 403
