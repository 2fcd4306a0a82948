"""The desk's pages of identity: found, declared, proved, numbered, marked; each refusal says what to mend."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from django.test import Client
from pytest_django import Settings

from egide.cloud.people import identity, proofing
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.ins import Ins
from egide.cloud.people.insi import InsiAnswer
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.proofing import Level
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.register.models import Statement
from egide.cloud.signin import clock
from tests.cloud.governance.conftest import enter, officer
from tests.support.thing import NOW

ALICE = Traits(birth_name="Martin", given_names="Alice Jeanne", birth_date="1955-08-03", sex="F", birth_place="14168")
NUMBER = "2 55 08 14 168 025 38"
NIR, NIA = "1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9"
TYPED = {
    "birth_name": "Martin", "given_names": "Alice Jeanne", "birth_date": "1955-08-03", "sex": "F",
    "birth_place": "14168",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


@pytest.fixture
def nurse(opened_platform: object) -> Account:
    return officer("Nina Petit", "nurse")


@pytest.fixture
def here(alice: Account, nurse: Account) -> Account:
    """Alice, known here, without an identity yet."""
    register_patient(alice, home(NOW), by=nurse, now_ms=NOW)
    return alice


@pytest.fixture
def known(here: Account, nurse: Account) -> Account:
    identity.declare_identity(here, ALICE, by=nurse, now_ms=NOW)
    return here


def where(patient: Account, act: str = "") -> str:
    return f"/rights/desk/identities/{patient.pk}" + (f"/{act}" if act else "")


def text(client: Client, path: str) -> str:
    return re.sub(r"\s+", " ", client.get(path).content.decode())


def twin(nurse: Account, traits: Traits = ALICE) -> Account:
    made = create_account("patient", "Alice Martin", NOW)
    identity.declare_identity(made, traits, by=nurse, now_ms=NOW)
    return made


@pytest.mark.parametrize(
    ("form", "says"),
    [
        pytest.param({"name": "Martin", "birth": ""}, "Give the whole birth date.", id="no-date"),
        pytest.param({"name": "Martin", "birth": "1955-02-31"}, "Give the whole birth date.", id="no-such-day"),
        pytest.param({"name": " - ", "birth": "1955-08-03"}, "Give a name.", id="no-name"),
    ],
)
def test_a_search_needs_a_name_and_a_birth_date(
    known: Account, nurse: Account, form: dict[str, str], says: str
) -> None:
    """What is missing is said beside its field, and nothing is searched or written in anybody's journal."""
    sent = enter(nurse).post("/rights/desk/identities", form)
    assert (sent.status_code, says in sent.content.decode()) == (400, True)
    assert not Statement.objects.filter(kind="search").exists()


def test_homonyms_are_flagged_and_nobody_is_picked_for_the_reader(known: Account, nurse: Account) -> None:
    """Both are shown with their code; a search that finds nobody says what to try; each found one reads of it."""
    client, form = enter(nurse), {"name": "martin ALICE", "birth": "1955-08-03"}
    alone = client.post("/rights/desk/identities", form).content.decode()
    assert ("homonym" in alone, known.username in alone) == (False, True)
    other = twin(nurse, Traits(birth_name="Martin", given_names="Alice Rose", birth_date="1955-08-03", sex="F"))
    both = client.post("/rights/desk/identities", form).content.decode()
    assert both.count("homonym</span>") == 2
    assert {known.username, other.username} <= set(re.findall(r"<code>(\w+)</code>", both))
    twin(nurse)
    assert "perhaps the same person twice" in client.post("/rights/desk/identities", form).content.decode()
    nobody = client.post("/rights/desk/identities", {"name": "Martin", "birth": "1955-08-04"})
    assert "Nobody here has this name" in nobody.content.decode()
    assert Statement.objects.filter(kind="search", subject=known.pk).count() == 3


def test_an_identity_is_declared_and_each_wrong_trait_is_named(here: Account, nurse: Account) -> None:
    """Empty before; a refusal keeps what was typed and writes nothing; a future birth date is none."""
    client = enter(nurse)
    assert "Nothing was declared yet" in text(client, where(here))
    for field, value in (
        ("birth_date", "2999-01-01"), ("birth_date", "1955-02-31"), ("sex", "X"), ("birth_place", "1416"),
        ("birth_name", "- %"), ("given_names", ""), ("used_name", "\x07"),
    ):  # fmt: skip
        sent = client.post(where(here, "traits"), {**TYPED, field: value})
        page = sent.content.decode()
        assert sent.status_code == 400, field
        assert page.count('class="error"') == 2, field  # what happened, and the field
        assert "Alice Jeanne" in page or field == "given_names"
    assert not Statement.objects.filter(kind="identity").exists()
    assert client.post(where(here, "traits"), {**TYPED, "birth_name": " Martin "}).status_code == 302
    assert identity.known_identity(here).traits == ALICE
    page = text(client, where(here) + "?done=traits")
    assert "Identity: provisional." in page
    assert "3 August 1955" in page


def test_a_document_is_signed_for_with_a_factor_and_a_tick(known: Account, nurse: Account) -> None:
    """The page says beforehand what each document leads to; afterwards who saw what, and where it is signed."""
    path, seen = where(known, "open/prove"), {"document": "passport", "sure": "yes"}
    page = text(enter(nurse), where(known))
    assert page.count("The identity will be: validated.") == 5
    assert page.count("The identity will be: provisional.") == 3
    assert "/confirm" in enter(nurse).post(path, seen)["Location"]
    client = enter(nurse, confirmed=True)
    for form in ({"document": "passport"}, {"document": "library-card", "sure": "yes"}, {"sure": "yes"}):
        assert client.post(path, form).status_code == 400
    assert proofing.proof_of(known).level == Level.NONE
    assert client.post(path, seen).status_code == 302
    proof = proofing.proof_of(known)
    assert (proof.level, proof.evidence, proof.by) == (Level.DESK, "passport", str(nurse.pk))
    assert identity.known_identity(known).status == "validée"
    page = text(client, where(known))
    for words in ("Checked at a desk, on a document</b> · passport", "Signed by Nina Petit", "register, entry"):
        assert words in page


@pytest.mark.parametrize(
    ("number", "authority", "code"),
    [
        pytest.param("2 55 08", NIR, "ins-form", id="short"),
        pytest.param("2 55 13 14 168 025 38", NIR, "ins-form", id="month"),
        pytest.param("2 55 08 14 168 025 39", NIR, "ins-key", id="key"),
        pytest.param(NUMBER, NIA, "ins-authority", id="other-kind"),
        pytest.param(NUMBER, "1.2.250.1.213.1.4.10", "ins-authority", id="tests"),
        pytest.param(NUMBER, "", "ins-authority", id="none"),
    ],
)
def test_a_wrong_number_says_what_is_wrong(
    known: Account, nurse: Account, number: str, authority: str, code: str
) -> None:
    """Form, key and authority apart, with what to do; what was typed stays, and nothing is kept."""
    sent = enter(nurse).post(where(known, "number"), {"number": number, "authority": authority})
    page = sent.content.decode()
    assert (sent.status_code, code in page, f'value="{number}"' in page) == (400, True, True)
    assert identity.known_identity(known).ins is None


def test_a_number_that_was_typed_proves_nothing_and_insi_is_said_not_to_be_there(
    known: Account, nurse: Account
) -> None:
    """Kept in groups, doubts said; no page offers to ask a service that is not connected, and asking is refused."""
    client = enter(nurse, confirmed=True)
    assert client.post(where(known, "number"), {"number": NUMBER, "authority": NIR}).status_code == 302
    page = text(client, where(known))
    for words in (NUMBER, "shared with nobody", "not connected to the national service", "Identity: provisional."):
        assert words in page
    assert "Ask the national service" not in page
    assert client.post(where(known, "open/ask")).status_code == 400
    assert not identity.known_identity(known).retrieved
    client.post(where(known, "traits"), {**TYPED, "birth_date": "1955-09-03", "birth_name": "Martin"})
    client.post(where(known, "number"), {"number": NUMBER, "authority": NIR})
    assert "The number does not go with this birth date" in text(client, where(known))


def test_a_platform_that_is_connected_asks_with_a_factor(known: Account, nurse: Account, settings: Settings) -> None:
    """Then its number replaces what was typed, and another one typed afterwards is refused."""

    @dataclass(frozen=True)
    class Connected:
        def retrieve(self, traits: Traits) -> InsiAnswer:
            return InsiAnswer(ins=Ins.read(NUMBER), traits=traits, reference="r-1")

    settings.INSI = Connected()
    assert "/confirm" in enter(nurse).post(where(known, "open/ask"))["Location"]
    client = enter(nurse, confirmed=True)
    assert "Ask the national service" in text(client, where(known))
    assert client.post(where(known, "open/ask")).status_code == 302
    assert identity.known_identity(known).status == "récupérée"
    assert "Given by the national service." in text(client, where(known))


def test_a_mark_narrows_at_once_and_is_lifted_with_a_factor(known: Account, nurse: Account) -> None:
    """Doubtful and fictive bring a validated identity down; a fictive one shows no form that proves it."""
    identity.prove_identity(known, "passport", by=nurse, now_ms=NOW)
    client = enter(nurse)
    for which in ("doubtful", "fictive"):
        assert client.post(where(known, "mark"), {"which": which}).status_code == 302
        assert identity.known_identity(known).status == "provisoire"
        page = text(client, where(known))
        assert f"Marked as {which}" in page
        assert ("I see the person and a document" in page) == (which == "doubtful")
        assert "/confirm" in client.post(where(known, "open/unmark"), {"which": which})["Location"]
        lifted = enter(nurse, confirmed=True).post(where(known, "open/unmark"), {"which": which})
        assert (lifted.status_code, identity.known_identity(known).status) == (302, "validée")
    assert client.post(where(known, "mark"), {"which": "traits"}).status_code == 400


def test_these_pages_are_closed_to_whoever_receives_nobody_here(known: Account, nurse: Account, bob: Account) -> None:
    """Patients, relatives, another establishment, no office, the data protection officer, and nobody."""
    far = create_account("professional", "Other", NOW)
    seat(far, create_establishment("clinic", "Parc", now_ms=NOW), "doctor", by=(far, far), now_ms=NOW - 1, how="x")
    others = [
        bob, known, far, officer("Diane Roux", "dpo"), create_account("professional", "No Office", NOW),
        create_account("relative", "Rita Martin", NOW),
    ]  # fmt: skip
    posts = [
        where(known, act) for act in ("traits", "number", "mark", "other", "open/prove", "open/unmark", "open/ask")
    ]
    for who in others:
        client = enter(who, confirmed=True)
        assert client.get(where(known)).status_code in (403, 404)
        assert {client.post(path, TYPED).status_code for path in posts} <= {403, 404}
        if who is not far:
            assert client.get("/rights/desk/identities").status_code == 403
    assert (
        "Alice"
        not in enter(far).post("/rights/desk/identities", {"name": "Martin", "birth": "1955-08-03"}).content.decode()
    )
    assert "/sign-in" in Client().get(where(known))["Location"]
    client = enter(nurse, confirmed=True)
    assert {client.post(where(known, act)).status_code for act in ("prove", "open/mark", "open/traits")} == {404}


def test_who_administers_has_the_pages_in_their_menu(known: Account) -> None:
    """They receive people too; a patient and a data protection officer have no such line."""
    admin = create_account("operator", "Adèle Mine", NOW)
    seat(admin, home(NOW), "administrator", by=(admin, admin), now_ms=NOW - 1, how="test")
    assert "/rights/desk/identities" in text(enter(admin), "/rights/desk/identities")
    assert enter(admin).get(where(known)).status_code == 200
    assert "/rights/desk/identities" not in text(enter(known), "/")


def test_the_pages_are_in_french(known: Account, nurse: Account) -> None:
    """Written well: no English sentence is left on them."""
    page = text(enter(nurse, lang="fr"), where(known))
    for words in (
        "Identité provisoire.",
        "3 août 1955",
        "n’est pas raccordée au téléservice national",
        "Preuve d’identité",
    ):
        assert words in page
