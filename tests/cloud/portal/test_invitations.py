"""Invitations of patients and relatives, made on a page: a code shown once, good for seven days, theirs alone."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from egide.cloud.people import invitations
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.invitations import INVITATION_LIFE_MS, find_invitation, invite_staff
from egide.cloud.people.models import Account, Invitation
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient, registered_at
from egide.cloud.people.service import create_account, name_of
from egide.cloud.people.traits import Traits
from egide.cloud.signin.attested import has_factor
from egide.errors import SignInError
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
from tests.cloud.portal.test_at_desk import staff
from tests.cloud.signin.conftest import enrol, enter_by_link
from tests.support.cast import Cast
from tests.support.ward import DAY_MS

DESK = "/desk/invitations"


@pytest.fixture
def nurse(cast: Cast) -> Account:
    return staff("Nadia Roy", "nurse")


def form_of(client: Client) -> str:
    page = client.get(f"{DESK}/new").content.decode()
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found
    return found[1]


def invite(client: Client, **said: str) -> tuple[int, str]:
    """(status, the page that came back)."""
    answer = client.post(f"{DESK}/new", {"form": form_of(client), "who": "patient", **said})
    return answer.status_code, unescape(answer.content.decode())


def code_on(page: str) -> str:
    found = re.search(r'<code class="code">([a-z2-7 ]+)</code>', page)
    assert found
    return found[1].replace(" ", "")


def works(token: str, now_ms: int = NOW) -> bool:
    try:
        find_invitation(token, now_ms)
    except SignInError:
        return False
    return True


def operator(office: str, name: str) -> Account:
    account = create_account("operator", name, NOW - DAY_MS)
    seat(account, home(NOW), office, by=(account, account), now_ms=NOW - 1, how="test")
    return account


@pytest.mark.parametrize("who", ["patient", "relative"])
def test_a_nurse_invites_and_the_code_is_shown_once(cast: Cast, nurse: Account, enter: Enter, who: str) -> None:
    """After a factor; with a drawing and an end; the list then says that it waits, and never the code again."""
    client = enter(nurse)
    assert "/security/confirm" in client.get(f"{DESK}/new")["Location"]
    assert "/security/confirm" in client.post(f"{DESK}/new", {"who": who, "name": "Zoé Neuve"})["Location"]
    assert not Invitation.objects.exists()
    status, page = invite(confirmed(client), who=who, name="Zoé Neuve")
    assert status == 200
    row = Invitation.objects.select_related("account").get()
    assert (row.account.role, name_of(row.account), row.expires_ms) == (who, "Zoé Neuve", NOW + INVITATION_LIFE_MS)
    assert (row.establishment_id in registered_at(row.account)) == (who == "patient")
    token = code_on(page)
    assert works(token, NOW + INVITATION_LIFE_MS - 1)
    assert not works(token, NOW + INVITATION_LIFE_MS)
    assert "<svg" in page.split("qr-box", 1)[1]
    assert f"#{token}" not in page, "a browser's history holds no code"
    listed = client.get(DESK).content.decode()
    assert "Zoé Neuve" in listed
    assert "Nadia Roy" in listed
    assert (f"/rights/desk/people/{row.account_id}" in listed) == (who == "patient")
    assert token not in listed.replace(" ", "")
    assert token not in str(dict(client.session.items()))


def test_the_same_form_sent_twice_makes_one_person(cast: Cast, nurse: Account, enter: Enter) -> None:
    """A page loaded again, or a form of another session, invites nobody more."""
    client = confirmed(enter(nurse))
    said = {"form": form_of(client), "who": "patient", "name": "Zoé Neuve"}
    assert client.post(f"{DESK}/new", said).status_code == 200
    assert client.post(f"{DESK}/new", said).status_code == 400
    for form in ("", "x", "é"):
        form_of(client)
        assert client.post(f"{DESK}/new", {**said, "form": form}).status_code == 400
    assert Invitation.objects.count() == 1
    assert Account.objects.filter(role="patient", created_ms=NOW).count() == 1


def test_one_withdrawn_or_replaced_opens_nothing(cast: Cast, nurse: Account, enter: Enter) -> None:
    """A colleague may: a new code asks for a factor, a withdrawal for none. What is over is not begun again."""
    _status, page = invite(confirmed(enter(nurse)), name="Zoé Neuve")
    first, row = code_on(page), Invitation.objects.get()
    client = enter(staff("Noël Blanc", "nurse"))
    assert "/security/confirm" in client.post(f"{DESK}/{row.pk}/again")["Location"]
    assert works(first)
    second = code_on(confirmed(client).post(f"{DESK}/{row.pk}/again").content.decode())
    assert works(second)
    assert not works(first)
    last = Invitation.objects.get(withdrawn_ms=None)
    sure = enter(nurse).get(f"{DESK}/{last.pk}/withdraw").content.decode()
    assert "Withdraw the invitation of Zoé Neuve?" in sure
    assert works(second)
    assert enter(nurse).post(f"{DESK}/{last.pk}/withdraw").status_code == 302
    assert not works(second)
    assert client.post(f"{DESK}/{last.pk}/again").status_code == 404
    assert "No invitation waits to be used" in client.get(DESK).content.decode()


def test_a_relative_and_a_lapsed_one_get_a_new_code(cast: Cast, nurse: Account, enter: Enter) -> None:
    """A relative's account is the same one, and is nobody's patient."""
    client = confirmed(enter(nurse))
    first = code_on(invite(client, who="relative", name="Paul Moreau")[1])
    row = Invitation.objects.get()
    Invitation.objects.update(expires_ms=NOW)
    assert "lapsed" in client.get(DESK).content.decode()
    second = code_on(client.post(f"{DESK}/{row.pk}/again").content.decode())
    assert not works(first)
    assert find_invitation(second, NOW).account_id == row.account_id


def test_a_known_patient_is_found_by_name_and_birth_date_and_has_no_key(
    cast: Cast, nurse: Account, enter: Enter
) -> None:
    """A wrong date finds nobody; who has a key goes through the recovery, which asks for two people."""
    register_patient(cast.alice, home(NOW), by=nurse, now_ms=NOW)
    traits = Traits(birth_name="Moreau", given_names="Alice", birth_date="1956-02-03", sex="F")
    declare_identity(cast.alice, traits, by=nurse, now_ms=NOW)
    client = confirmed(enter(nurse))
    assert invite(client, who="known", name="Alice Moreau", birth="1956-02-04")[0] == 400
    assert invite(client, who="known", name="Alice Moreau")[0] == 400
    assert not Invitation.objects.exists()
    status, page = invite(client, who="known", name="Alice Moreau", birth="1956-02-03")
    assert status == 200
    assert find_invitation(code_on(page), NOW).account == cast.alice
    before = Invitation.objects.count()
    enrol(enter_by_link(cast.alice))
    assert has_factor(cast.alice)
    status, page = invite(client, who="known", name="Alice Moreau", birth="1956-02-03")
    assert status == 400
    assert "recovery" in page
    assert Invitation.objects.count() == before


@pytest.mark.parametrize("wrong", [{"who": ""}, {"who": "professional"}, {"name": ""}, {"name": " "}, {"place": "x"}])
def test_a_form_without_an_answer_invites_nobody(
    cast: Cast, nurse: Account, enter: Enter, wrong: dict[str, str]
) -> None:
    """And leaves no account."""
    before = Account.objects.count()
    assert invite(confirmed(enter(nurse)), **{"name": "Zoé Neuve", **wrong})[0] == 400
    assert Account.objects.count() == before


def test_who_receives_nobody_sees_and_makes_no_invitation(cast: Cast, nurse: Account, enter: Enter) -> None:
    """An officer, a patient, a relative, a professional of no place; a nurse of elsewhere has a list of her own."""
    row = Invitation.objects.get(token_hash=invited_hash(cast, nurse))
    far = create_account("professional", "Flore Loin", NOW - DAY_MS)
    there = create_establishment("clinic", "Clinique des Pins", now_ms=NOW)
    seat(far, there, "nurse", by=(far, far), now_ms=NOW - 1, how="test")
    paul = create_account("relative", "Paul Moreau", NOW)
    for who in (operator("dpo", "Denis Port"), cast.alice, paul, cast.diane):
        client = confirmed(enter(who))
        assert client.get(DESK).status_code == 403
        assert client.get(f"{DESK}/new").status_code == 403
        for act in ("again", "withdraw"):
            assert client.post(f"{DESK}/{row.pk}/{act}").status_code in (403, 404)
    client = confirmed(enter(far))
    assert "Zoé" not in client.get(DESK).content.decode()
    for act in ("again", "withdraw"):
        assert client.post(f"{DESK}/{row.pk}/{act}").status_code == 404
    assert invite(client, name="Ana", place=str(home(NOW).pk))[0] == 400
    row.refresh_from_db()
    assert row.withdrawn_ms is None


def invited_hash(cast: Cast, nurse: Account) -> bytes:
    invitations.welcome_patient("Zoé Neuve", home(NOW), by=nurse, now_ms=NOW)
    return bytes(Invitation.objects.get().token_hash)


def test_an_administrator_sees_those_they_made_and_no_other_patient(cast: Cast, nurse: Account, enter: Enter) -> None:
    """Nor the invitation of somebody who works here, whom two people invite elsewhere."""
    invited_hash(cast, nurse)
    admin = operator("administrator", "Adèle Mine")
    ivan = staff("Ivan Attend", "nurse")
    invite_staff(ivan, home(NOW), by=admin, now_ms=NOW)
    client = confirmed(enter(admin))
    assert invite(client, name="Rémi Neuf")[0] == 200
    listed = client.get(DESK).content.decode()
    assert "Rémi Neuf" in listed
    assert "Zoé Neuve" not in listed
    assert "Ivan Attend" not in listed
    assert "/office/people" in listed
    both = confirmed(enter(nurse)).get(DESK).content.decode()
    assert "Rémi Neuf" in both
    assert "Zoé Neuve" in both
    assert "Ivan Attend" not in both
    theirs = Invitation.objects.get(account=ivan)
    for act in ("again", "withdraw"):
        assert client.post(f"{DESK}/{theirs.pk}/{act}").status_code == 404
    assert client.post(f"{DESK}/{Invitation.objects.get(made_by=nurse).pk}/withdraw").status_code == 404
