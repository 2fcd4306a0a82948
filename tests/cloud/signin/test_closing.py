"""An account is closed at once and whole; opened again, nothing that opened it before does."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from egide.cli import app
from egide.cloud.federation.links import attested_links
from egide.cloud.federation.models import LinkedIdentity
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.invitations import find_invitation, invite_staff
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of, seat
from egide.cloud.people.service import create_account, make_link, redeem_link
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock
from egide.cloud.signin.attested import has_factor
from egide.cloud.signin.closing import CLOSED, close, reopen
from egide.errors import AccessDeniedError, RefusedError, SignInError
from tests.cloud.conftest import NOW
from tests.cloud.signin.conftest import browser, enrol, enter_by_link, present, recovery_codes

pytestmark = pytest.mark.django_db


@pytest.fixture
def nora(adele: Account) -> Account:
    account = create_account("professional", "Nora Nuit", NOW - 1_000)
    seat(account, home(NOW), "nurse", by=(adele, adele), now_ms=NOW - 500, how="ceremony")
    return account


def test_closing_ends_everything_that_opens_an_account(adele: Account, nora: Account) -> None:
    """Sessions, a link, an invitation, a passkey, recovery codes, an identity elsewhere, the office: all at once."""
    here, there = enter_by_link(nora), enter_by_link(nora)
    key = enrol(here)
    code = recovery_codes(nora)[0]
    token, invited = make_link(nora, NOW), invite_staff(nora, home(NOW), by=adele, now_ms=NOW)
    append_statement("identity-link", nora.pk, {"id": b"i" * 32, "provider": "psc"}, now_ms=NOW)
    assert attested_links(nora.pk)[0] == {("psc", b"i" * 32)}
    assert close(nora, by=adele, now_ms=NOW + 1) == 2
    assert [client.get("/security").status_code for client in (here, there)] == [302, 302]
    assert present(browser(), key).status_code == 400
    assert browser().post("/sign-in/code", {"username": nora.username, "code": code}).status_code == 400
    with pytest.raises(SignInError):
        redeem_link(token, NOW + 2)
    with pytest.raises(SignInError):
        find_invitation(invited, NOW + 2)
    with pytest.raises(SignInError):
        make_link(nora, NOW + 2)
    assert attested_links(nora.pk)[0] == set()
    assert not LinkedIdentity.objects.filter(account=nora).exists()
    assert offices_of(Account.objects.get(pk=nora.pk), now_ms=NOW + 2) == ()
    assert not enter_again(nora)


def enter_again(account: Account) -> bool:
    """Whether somebody who writes `is_active` in the table finds anything that opens the account."""
    Account.objects.filter(pk=account.pk).update(is_active=True)
    back = Account.objects.get(pk=account.pk)
    return has_factor(back) or bool(offices_of(back, now_ms=clock.now_ms() + 5)) or bool(attested_links(back.pk)[0])


def test_an_account_opened_again_has_no_office_and_no_factor(adele: Account, nora: Account) -> None:
    """Its owner comes in by a link; two people give an office anew."""
    enrol(enter_by_link(nora))
    close(nora, by=adele, now_ms=NOW + 1)
    reopen(nora, now_ms=NOW + 2)
    assert not has_factor(nora)
    assert offices_of(nora, now_ms=NOW + 3) == ()
    assert enter_by_link(nora).get("/security").status_code == 200
    with pytest.raises(RefusedError):
        reopen(nora, now_ms=NOW + 3)


def test_only_an_officer_of_every_place_of_theirs_closes_an_account(adele: Account, nora: Account) -> None:
    """Not a colleague, not oneself, not the officer of one place of two."""
    colleague = create_account("professional", "Cleo Jour", NOW)
    seat(colleague, home(NOW), "doctor", by=(adele, adele), now_ms=NOW, how="ceremony")
    elsewhere = create_establishment("clinic", "Clinique des Tilleuls", now_ms=NOW)
    for by, account in ((colleague, nora), (nora, nora), (adele, adele)):
        with pytest.raises(AccessDeniedError):
            close(account, by=by, now_ms=NOW + 1)
    theirs = create_account("operator", "Oscar Garde", NOW)
    seat(theirs, elsewhere, "administrator", by=(adele, adele), now_ms=NOW, how="ceremony")
    seat(nora, elsewhere, "nurse", by=(adele, adele), now_ms=NOW, how="ceremony")
    with pytest.raises(AccessDeniedError):
        close(nora, by=theirs, now_ms=NOW + 1)
    page = enter_by_link(theirs).get("/office/people").content.decode()
    assert "Nora Nuit" in page
    assert f"/office/people/{nora.pk}/close" not in page
    assert Account.objects.get(pk=nora.pk).is_active


def test_a_patient_s_account_is_not_closed(alice: Account, adele: Account) -> None:
    """They would vanish from the lists of those who follow them, and could not read what is theirs."""
    for by in (None, adele):
        with pytest.raises(RefusedError):
            close(alice, by=by, now_ms=NOW)
    assert Account.objects.get(pk=alice.pk).is_active


def test_who_runs_the_platform_closes_and_opens_again(nora: Account) -> None:
    """By name; a closing that was cut short is finished by the same command."""
    here = enter_by_link(nora)
    run = CliRunner()
    said = run.invoke(app, ["person", "close", nora.username])
    assert (said.exit_code, said.stdout) == (0, "1\n")
    assert here.get("/security").status_code == 302
    seat_row = Statement.objects.filter(kind="dismissal", subject=nora.pk)
    assert seat_row.count() == 1
    assert run.invoke(app, ["person", "close", nora.username]).exit_code == 0
    assert seat_row.count() == 1
    assert Statement.objects.filter(kind=CLOSED, subject=nora.pk).count() == 2
    assert run.invoke(app, ["person", "reopen", nora.username]).exit_code == 0
    assert run.invoke(app, ["person", "reopen", nora.username]).exit_code == 1


def test_the_officers_page_closes_an_account(adele: Account, nora: Account) -> None:
    """Offered beside a colleague and not beside oneself; only when it was confirmed; no factor is asked: it narrows."""
    officer, here = enter_by_link(adele), enter_by_link(nora)
    page = officer.get("/office/people").content.decode()
    assert f"/office/people/{nora.pk}/close" in page
    assert f"/office/people/{adele.pk}/close" not in page
    assert officer.post(f"/office/people/{nora.pk}/close").status_code == 400
    assert officer.post(f"/office/people/{adele.pk}/close", {"sure": "yes"}).status_code in (403, 404)
    assert here.get("/security").status_code == 200
    assert here.post(f"/office/people/{nora.pk}/close", {"sure": "yes"}).status_code in (403, 404)
    assert officer.post(f"/office/people/{nora.pk}/close", {"sure": "yes"}).status_code == 302
    assert here.get("/security").status_code == 302
    assert "Nora Nuit" not in officer.get("/office/people").content.decode()
