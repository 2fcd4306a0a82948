"""Who sees which page, and what every page holds to."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find
from django.test import Client

import egide.cloud.portal
from egide.cloud.people.models import Account
from egide.cloud.portal import live
from egide.cloud.register.models import Statement
from egide.cloud.release.journal import journal_of
from egide.errors import StorageError
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast

STATIC = Path(egide.cloud.portal.__file__).parent / "static" / "portal"
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


def test_who_is_not_signed_in_sees_counts_and_nothing_of_anyone(cast: Cast) -> None:
    """No name, no object, no value: numbers, the register's root and that it has no witness."""
    page = Client(headers={"accept-language": "en"}).get("/").content.decode()
    look = live.look(live.now_ms())
    assert str(look.stored) in page
    assert look.root[:16] in page
    assert "not witnessed" in page
    for secret in (
        "Alice",
        "Bob",
        "Glucosense",
        "mg/dL",
        "mmHg",
        str(cast.alice.pk),
        str(cast.sensor.row.pk),
    ):
        assert secret not in page


@pytest.mark.parametrize(
    "path",
    [
        "/me",
        "/me/latest",
        "/me/series?code=8867-4",
        "/me/journal",
        "/me/reading/1-0-0",
        "/me/proof/1",
        "/patients",
        f"/patients/{UNKNOWN}",
        f"/patients/{UNKNOWN}/series",
    ],
)
def test_nothing_personal_opens_without_signing_in(cast: Cast, path: str) -> None:
    """Each leads to the sign-in page, and none asks the door."""
    before = Statement.objects.count()
    answer = Client().get(path)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/sign-in")
    assert Statement.objects.count() == before


def test_a_patient_sees_their_own_record(cast: Cast, enter: Enter) -> None:
    """Values with unit, trust and proof, and the sentence on what was received."""
    page = enter(cast.alice).get("/me").content.decode()
    for shown in (
        "36.50",
        "mmHg",
        "Signed by the object",
        "Relayed by a gateway",
        "Proof",
        "Why should I trust this?",
    ):
        assert shown in page
    assert "Last measurement received" in page


def test_a_professional_sees_who_they_follow_and_their_record(cast: Cast, enter: Enter) -> None:
    """The list bears names; the record says that this look is in the patient's journal."""
    client = enter(cast.bob)
    listed = client.get("/patients").content.decode()
    assert "Alice Moreau" in listed
    assert "Charlie" not in listed
    page = client.get(f"/patients/{cast.alice.pk}").content.decode()
    assert "Alice Moreau" in page
    assert "This consultation is written" in page
    assert journal_of(cast.alice)[0].reader == str(cast.bob.pk)


@pytest.mark.parametrize("who", ["diane", "charlie"])
@pytest.mark.parametrize("page", ["", "/series?code=8867-4", "/reading/{entry}-0-0", "/proof/{entry}"])
def test_who_has_no_ground_sees_nothing_and_the_patient_reads_of_it(
    cast: Cast, enter: Enter, who: str, page: str
) -> None:
    """The refusal names no one and stands in Alice's journal."""
    reader: Account = getattr(cast, who)
    entry = Statement.objects.order_by("-entry")[0].entry
    answer = enter(reader).get(f"/patients/{cast.alice.pk}{page.format(entry=entry)}")
    assert answer.status_code == 403
    assert b"access-denied" in answer.content
    assert b"Alice" not in answer.content
    line = journal_of(cast.alice)[0]
    assert (line.reader, line.decision) == (str(reader.pk), "no")


def test_a_record_that_does_not_exist_answers_as_a_forbidden_one(cast: Cast, enter: Enter) -> None:
    """The answer does not tell who is a patient here."""
    client = enter(cast.diane)
    forbidden, absent = (client.get(f"/patients/{key}").content for key in (cast.alice.pk, UNKNOWN))
    token = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"|/patients/[0-9a-f-]*')
    assert token.sub(b"", forbidden) == token.sub(b"", absent)


def test_pages_of_the_other_role_are_refused(cast: Cast, enter: Enter) -> None:
    """A professional has no record, a patient no list."""
    assert enter(cast.bob).get("/me").status_code == 403
    assert enter(cast.bob).get("/me/journal").status_code == 403
    assert enter(cast.alice).get("/patients").status_code == 403


def test_empty_states_say_what_to_expect(cast: Cast, enter: Enter) -> None:
    """No blank page for who has nothing yet."""
    assert b"The journal is empty" in enter(cast.charlie).get("/me/journal").content
    assert b"No measurement over this period" in enter(cast.charlie).get("/me").content
    assert b"You follow nobody for now" in enter(cast.diane).get("/patients").content


def test_an_unknown_page_says_so_with_a_code(db: None) -> None:
    """404, what to do now, and the code for the help desk."""
    answer = Client(headers={"accept-language": "en"}).get("/nowhere")
    assert answer.status_code == 404
    assert b"This page does not exist" in answer.content
    assert b"not-found" in answer.content


def test_our_failure_is_told_without_its_inside(
    cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken store is 503 and safe; anything unforeseen is 500 and shows nothing of itself."""

    def fail(error: Exception) -> None:
        monkeypatch.setattr(live, "look", lambda _now: (_ for _ in ()).throw(error))

    client = enter(cast.alice)
    client.raise_request_exception = False
    fail(StorageError("secret detail"))
    answer = client.get("/")
    assert (answer.status_code, b"storage-failed" in answer.content) == (503, True)
    fail(ZeroDivisionError("secret detail"))
    broken = client.get("/")
    assert (broken.status_code, b"internal" in broken.content) == (500, True)
    assert b"secret detail" not in answer.content + broken.content


def pages(cast: Cast, enter: Enter) -> dict[str, str]:
    alice, bob = enter(cast.alice), enter(cast.bob)
    found = {path: Client().get(path) for path in ("/", "/sign-in", "/nowhere")}
    for path in (
        "/",
        "/me",
        "/me?metric=8480-6",
        "/me?metric=mdc:131329",
        "/me?metric=99504-3&period=30d",
        "/me/journal",
    ):
        found[f"alice {path}"] = alice.get(path)
    for path in ("/", "/patients", f"/patients/{cast.alice.pk}", "/me"):
        found[f"bob {path}"] = bob.get(path)
    return {name: answer.content.decode() for name, answer in found.items()}


def test_no_page_needs_more_than_its_policy_allows(cast: Cast, enter: Enter) -> None:
    """No script, style or handler stands inside a page, and nothing is fetched from elsewhere."""
    for name, page in pages(cast, enter).items():
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", page), name
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), name
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", page), name


def test_every_page_has_its_landmarks(cast: Cast, enter: Enter) -> None:
    """One h1, a main part, a skip link, its language, and that this is no emergency service."""
    for name, page in pages(cast, enter).items():
        assert page.count("<h1") == 1, name
        assert 'id="main"' in page, name
        assert 'class="skip"' in page, name
        assert re.search(r'<html lang="(fr|en)">', page), name
        assert 'href="tel:15"' in page, name
        assert 'href="tel:112"' in page, name
        assert 'href="sms:114"' in page, name
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), name


def test_the_policy_and_its_companions_are_on_every_answer(cast: Cast, enter: Enter) -> None:
    """Headers that keep a page's content its own; personal pages are stored nowhere."""
    answer = enter(cast.alice).get("/me")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("lang", "word"), [("fr", "En cas d’urgence"), ("en", "In an emergency"), ("de", "En cas d’urgence")]
)
def test_french_comes_first_and_english_is_offered(db: None, cast: Cast, lang: str, word: str) -> None:
    """A browser's language is followed when we speak it; else French."""
    assert word in Client(headers={"accept-language": lang}).get("/").content.decode()


def test_the_language_can_be_switched(cast: Cast) -> None:
    """The switch stays, and leads back to the page."""
    client = Client(headers={"accept-language": "fr"})
    answer = client.post("/language", {"language": "en", "next": "/sign-in"})
    assert answer.headers["Location"] == "/sign-in"
    assert "In an emergency" in client.get("/").content.decode()


def test_the_first_page_is_light(cast: Cast, enter: Enter) -> None:
    """Under 100 kB as sent, with every style, script and picture that the page names; charts come when drawn."""
    client = enter(cast.alice)
    answer = client.get("/", headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    page = gzip.decompress(answer.content).decode()
    names = set(re.findall('(?:href|src)="/static/([^"#]+)', page))
    assert {"portal/portal.css", "portal/portal.js", "portal/marks.svg"} <= names
    assert len(answer.content) + sum(_sent(name) for name in names) < 100_000


def _sent(name: str) -> int:
    """The bytes of a static file as they are sent: its compressed twin's, where there is one."""
    found = find(name)
    assert found, name
    twin = Path(f"{found}.gz")
    return (twin if twin.exists() else Path(found)).stat().st_size


def test_a_page_that_answers_to_an_address_is_not_compressed(cast: Cast, enter: Enter) -> None:
    """What somebody else may choose never lies beside what is personal in one compressed answer."""
    client, asks = enter(cast.alice), {"accept-encoding": "gzip"}
    assert "Content-Encoding" in client.get("/me", headers=asks).headers
    assert "Content-Encoding" not in client.get("/me?period=24h", headers=asks).headers
    assert "Content-Encoding" not in client.get("/nowhere", headers=asks).headers
    assert "Content-Encoding" not in client.get("/me").headers


@pytest.mark.parametrize(
    "key",
    ["\u00b2-0-0", "\u0663-0-0", "1-\u00b2-0", "1", "1-0", "1-0-0-0", "-1-0-0", "x-0-0",
     "9" * 19 + "-0-0", "9" * 20 + "-0-0"],
)
def test_a_key_of_another_form_names_no_reading(cast: Cast, enter: Enter, key: str) -> None:
    """Digits of other alphabets, too few or too many parts, a number no table holds: 404, never a failure."""
    client = enter(cast.alice)
    assert client.get(f"/me/reading/{key}").status_code == 404
    assert enter(cast.bob).get(f"/patients/{cast.alice.pk}/reading/{key}").status_code == 404
