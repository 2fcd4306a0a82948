"""The pages: the patient's, the desk's, and everybody who is neither."""

from __future__ import annotations

import io
import re
import uuid
import zipfile

import pytest
from django.test import Client

from egide.cloud.governance import requests
from egide.cloud.governance.models import Request
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import create_record_key
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.signin import clock
from tests.cloud.governance.conftest import enter
from tests.support.thing import NOW

DAY = 86_400_000


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages believe that it is NOW."""
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


@pytest.fixture
def asked(alice: Account) -> Request:
    return requests.ask(alice, "access", by=alice, now_ms=NOW - 3 * DAY, text="for my new doctor")


def text_of(response: object) -> str:
    return re.sub(r"\s+", " ", response.content.decode())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        pytest.param("en", ("My rights", "Get a copy of my record", "answer due by"), id="english"),
        pytest.param("fr", ("Mes droits", "Obtenir une copie de mon dossier", "réponse au plus tard le"), id="french"),
    ],
)
def test_a_patient_sees_what_can_be_asked_and_what_was(
    alice: Account, asked: Request, lang: str, words: tuple[str, ...]
) -> None:
    """With the day by which the answer is due."""
    page = text_of(enter(alice, lang=lang).get("/rights/"))
    assert [w for w in words if w not in page] == []


def test_a_patient_asks_follows_and_takes_back(alice: Account) -> None:
    """Three pages, no factor: asking for one's rights widens nothing."""
    client = enter(alice)
    sent = client.post("/rights/ask/rectify", {"text": "Not mine <script>alert(1)</script>"})
    assert sent.status_code == 302
    page = text_of(client.get(sent["Location"]))
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    row = Request.objects.get()
    assert client.post(f"/rights/{row.pk}/withdraw").status_code == 302
    row.refresh_from_db()
    assert row.state == "withdrawn"


def test_a_correction_of_nothing_is_asked_again(alice: Account) -> None:
    """The page says what to write; nothing was kept."""
    answered = enter(alice).post("/rights/ask/rectify", {"text": " "})
    assert answered.status_code == 400
    assert "Write what it is about" in text_of(answered)
    assert not Request.objects.exists()


def test_an_erasure_says_what_stays_before_it_is_asked(alice: Account) -> None:
    """With the law's article and a date."""
    create_record_key(alice.pk, now_ms=NOW, klass="personal")
    page = text_of(enter(alice).get("/rights/ask/erase"))
    assert "R1112-7" in page
    assert "is erased for good" in page


def test_what_the_law_says_from_memory_is_said_to_be_so(alice: Account, asked: Request, doctor: Account) -> None:
    """To the patient and to the desk, beside the text it rests on."""
    assert "to be checked by a lawyer" in text_of(enter(alice).get(f"/rights/{asked.pk}"))
    assert "to be checked by your lawyer" in text_of(enter(doctor).get(f"/rights/desk/{asked.pk}"))
    assert "à vérifier par votre juriste" in text_of(enter(doctor, lang="fr").get(f"/rights/desk/{asked.pk}"))


def test_the_desk_sees_deadlines_and_answers(alice: Account, asked: Request, doctor: Account) -> None:
    """The name, the time left, the answer's form; the patient reads the answer and who gave it."""
    client = enter(doctor)
    assert "Alice Martin" in text_of(client.get("/rights/desk"))
    assert "for my new doctor" in text_of(client.get(f"/rights/desk/{asked.pk}"))
    assert client.post(f"/rights/desk/{asked.pk}/answer", {"outcome": "refused", "text": ""}).status_code == 400
    sent = client.post(f"/rights/desk/{asked.pk}/answer", {"outcome": "granted", "text": "Here it is"})
    assert sent.status_code == 302
    page = text_of(enter(alice).get(f"/rights/{asked.pk}"))
    assert "Here it is" in page
    assert "Dr Émile Faure" in page
    assert "Your copy is ready" in page


def test_what_is_late_stands_first(alice: Account, bob: Account, dpo: Account) -> None:
    """And its patient is told, too."""
    requests.ask(bob, "oppose", by=bob, now_ms=NOW, text="x")
    late = requests.ask(alice, "access", by=alice, now_ms=NOW - 20 * DAY)
    page = text_of(enter(dpo).get("/rights/desk"))
    assert page.index("Late requests") < page.index("Alice Martin") < page.index("Bob Durand")
    assert "The answer is late" in text_of(enter(alice).get(f"/rights/{late.pk}"))


def test_erasing_at_the_desk_needs_a_factor_and_a_tick(alice: Account, dpo: Account) -> None:
    """Without the one or the other nothing is erased; with both it is, and the patient reads what stays."""
    create_record_key(alice.pk, now_ms=NOW, klass="personal")
    row = requests.ask(alice, "erase", by=alice, now_ms=NOW)
    where = f"/rights/desk/{row.pk}/erase"
    assert "/confirm" in enter(dpo).post(where, {"sure": "yes"})["Location"]
    client = enter(dpo, confirmed=True)
    assert client.post(where, {}).status_code == 400
    assert RecordKey.objects.filter(klass="personal", erased_ms=None).exists()
    assert client.post(where, {"sure": "yes", "text": "as agreed"}).status_code == 302
    assert not RecordKey.objects.filter(klass="personal", erased_ms=None).exists()
    page = text_of(enter(alice).get(f"/rights/{row.pk}"))
    assert "Nobody can open it any more" in page
    assert "kept until" in page


def test_the_file_needs_a_factor_and_is_a_request(alice: Account) -> None:
    """It leaves as a download that says nothing by its name; asked, delivered, closed."""
    assert "/confirm" in enter(alice).post("/rights/take")["Location"]
    client = enter(alice, confirmed=True)
    assert client.get("/rights/take").status_code == 200
    sent = client.post("/rights/take")
    assert sent["Content-Disposition"] == 'attachment; filename="egide.zip"'
    assert sent["Cache-Control"] == "private, no-store"
    assert "README.fr.txt" in zipfile.ZipFile(io.BytesIO(sent.content)).namelist()
    row = Request.objects.get()
    assert (row.kind, row.state) == ("portability", "granted")
    assert [s.step for s in requests.story(row)] == ["asked", "delivered"]


def test_the_desk_finds_a_person_by_name_and_birth_date_and_asks_for_them(alice: Account, doctor: Account) -> None:
    """A name alone lists nobody; whoever is not of the establishment is not found."""
    traits = Traits(birth_name="Martin", given_names="Alice", birth_date="1980-02-29", sex="F")
    declare_identity(alice, traits, by=alice, now_ms=NOW)
    register_patient(alice, home(NOW), by=doctor, now_ms=NOW)
    elsewhere = create_account("professional", "Other", NOW)
    place = create_establishment("clinic", "Parc", now_ms=NOW)
    seat(elsewhere, place, "doctor", by=(doctor, doctor), now_ms=NOW - 1, how="test")
    form = {"name": "Martin", "birth": "1980-02-29", "kind": "oppose", "text": "aloud"}
    assert "Nobody of your establishment" in text_of(enter(elsewhere).post("/rights/desk/open", form))
    assert enter(elsewhere).post("/rights/desk/open", {**form, "patient": str(alice.pk)}).status_code == 404
    client = enter(doctor)
    assert client.post("/rights/desk/open", {**form, "birth": ""}).status_code == 400
    assert client.post("/rights/desk/open", form).status_code == 302
    (step,) = requests.story(Request.objects.get())
    assert (step.by, step.via, step.text) == (str(doctor.pk), "desk", "aloud")


def test_every_page_is_closed_to_everybody_else(alice: Account, bob: Account, asked: Request, dpo: Account) -> None:
    """Nobody, another patient, a professional without office, the same office elsewhere: each address, each method."""
    other = create_account("professional", "Other", NOW)
    seat(other, create_establishment("clinic", "Parc", now_ms=NOW), "dpo", by=(other, other), now_ms=NOW - 1, how="x")
    nobody = create_account("professional", "No Office", NOW)
    own = [("get", f"/rights/{asked.pk}"), ("post", f"/rights/{asked.pk}/withdraw")]
    desk = [("get", f"/rights/desk/{asked.pk}")]
    desk += [("post", f"/rights/desk/{asked.pk}/{act}") for act in ("answer", "put-off", "erase")]
    for method, address in own + desk:
        assert "/sign-in" in getattr(Client(), method)(address)["Location"]
        for stranger in (bob, other, nobody, dpo if (method, address) in own else alice):
            answered = getattr(enter(stranger, confirmed=True), method)(address, {"sure": "yes", "outcome": "granted"})
            assert answered.status_code in (403, 404), (method, address, stranger.role)
    for stranger in (alice, nobody):
        for address in ("/rights/desk", "/rights/desk/open"):
            assert enter(stranger).get(address).status_code == 403
    assert enter(dpo).get("/rights/").status_code == 403
    assert enter(dpo, confirmed=True).post("/rights/take").status_code == 403
    assert enter(alice).get(f"/rights/{uuid.uuid4()}").status_code == 404
    asked.refresh_from_db()
    assert asked.state == "open"


def test_no_page_of_the_desk_shows_a_measurement(alice: Account, asked: Request, dpo: Account) -> None:
    """Answering for rights opens no record: nothing is journaled as an access."""
    from egide.cloud.release.journal import journal_of

    client = enter(dpo)
    client.get("/rights/desk")
    client.get(f"/rights/desk/{asked.pk}")
    assert journal_of(alice) == []
