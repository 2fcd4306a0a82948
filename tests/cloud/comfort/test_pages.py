"""What is for everybody: the statement on accessibility, the site map, and what a device may install."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client

import egide.cloud.comfort
from egide.cloud.comfort import easy, wishes
from egide.cloud.comfort.views.statement import GAPS
from egide.cloud.comfort.wishes import Wishes
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db
STATIC = Path(egide.cloud.comfort.__file__).parent / "static" / "comfort"
SAID_OF_HEALTH = re.compile(
    r"health|santé|patient|care|soin|medic|médic|hospital|hôpital|measure|mesure", re.IGNORECASE
)


def enter(account: object = None) -> Client:
    client = Client(headers={"accept-language": "en"})
    if account is not None:
        client.force_login(account)  # type: ignore[arg-type]
    return client


def test_the_statement_says_what_the_law_asks_and_no_more(cast: Cast) -> None:
    """Not conformant for want of an audit, no rate, whom to ask, the Défenseur des droits; every gap is told."""
    page = enter().get("/accessibility").content.decode()
    for said in ("not conformant, for want of an audit", "nobody independent", "Défenseur des droits", "the desk"):
        assert said in page
    for _criteria, words in GAPS:
        assert words.replace("'", "&#x27;") in page
    assert "%" not in re.sub(r"<head>.*?</head>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("who", ["alice", "bob", "nobody"])
def test_the_site_map_leads_everywhere_that_the_menu_leads(cast: Cast, who: str) -> None:
    """A second way to each page, and every one of its links opens."""
    client = enter(getattr(cast, who, None))
    page = client.get("/site-map").content.decode()
    menu = set(re.findall(r'href="(/[^"#]*)"', page.partition("<main")[0].partition("<header")[2]))
    listed = re.findall(r'href="(/[^"#]*)"', page.partition("<main")[2].partition("</main>")[0])
    assert menu - {"/"} <= set(listed)
    for link in listed:
        office = link in ("/patients/find", "/emergencies")  # for those who hold one; Bob has none here
        assert client.get(link).status_code in ({200, 302, 403} if office else {200, 302}), link


def test_what_is_installed_has_a_neutral_name(db: None) -> None:
    """Somebody who looks at the phone's first screen learns nothing."""
    answer = enter().get("/manifest.webmanifest")
    said = json.loads(answer.content)
    assert answer.headers["Content-Type"] == "application/manifest+json"
    assert not SAID_OF_HEALTH.search(answer.content.decode())
    assert said["start_url"] == said["scope"] == "/"
    for icon in said["icons"]:
        assert (STATIC / icon["src"].rpartition("/")[2]).is_file()
        assert enter().get(icon["src"]).status_code == 200


def test_the_offline_page_is_nobody_s_and_names_the_emergency_numbers(cast: Cast) -> None:
    """The same bytes for a patient and for nobody, in both languages; nothing is set."""
    answer, anonymous = enter(cast.alice).get("/offline"), Client().get("/offline")
    assert answer.content == anonymous.content
    assert "Set-Cookie" not in anonymous.headers
    assert not anonymous.cookies
    page = answer.content.decode()
    for said in (
        "pas un service d’urgence",
        "not an emergency service",
        'href="tel:15"',
        'href="tel:112"',
        'href="sms:114"',
    ):
        assert said in page
    for path in re.findall(r'href="(/static/[^"]+)"', page):
        assert enter().get(path).status_code == 200


def test_the_worker_keeps_the_offline_page_and_its_style_only(db: None) -> None:
    """One list of what is kept, asked for without cookies; no answer of any other request is put away."""
    answer = enter().get("/service-worker.js")
    text = answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert 'credentials: "omit"' in text
    assert not re.search(r"\.put\(|\.add\(|indexedDB|localStorage|sync|push", text)
    assert text.count("addAll") == 1
    kept = re.findall(r'"(/[^"]*)"', text.partition("PARTS")[2].partition("]")[0])
    assert all(path.startswith("/static/portal/") for path in kept)
    for path in kept:
        assert enter().get(path).status_code == 200


def test_easy_words_come_where_they_are_wished(cast: Cast) -> None:
    """In place of the long ones, with drawings that say nothing of their own."""
    client = enter(cast.alice)
    full = client.get("/settings/options").content.decode()
    wishes.keep(cast.alice, Wishes(easy=True))
    page = client.get("/settings/options").content.decode()
    assert "Read this in easy words" in full
    assert "Back to the full words" in page
    assert "You choose to whom." in page
    assert "You choose to whom." not in full
    drawings = re.findall(r"<svg[^>]*>(?:(?!</svg>).)*pictures\.svg#", page)
    assert drawings
    assert all('aria-hidden="true"' in drawing for drawing in drawings)


def test_every_picture_is_drawn() -> None:
    """Each line's drawing is in the file."""
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', (STATIC / "pictures.svg").read_text("utf-8")))
    lines = [
        *easy.leave_lines(), *(line for lines in easy.way_lines().values() for line in lines),
        *(line for hidden in (True, False) for line in easy.leaving_lines(
            "Paul", hidden=hidden, team=True, grounds=["grant", "research", "representative"])),
        *(line for what in (None, ["weight"]) for since in (None, "", "1 May 2026") for line in easy.grant_lines(
            "Paul", what=what, since=since, until="1 June 2026", purpose="SUPNWK")),
    ]  # fmt: skip
    assert {line.picture for line in lines} <= drawn


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("purpose", ["TREAT", "CAREMGT", "FAMRQT", "SUPNWK"])
def test_easy_sentences_are_short(lang: str, purpose: str) -> None:
    """Thirteen words at most in a sentence, one idea a line; a grant says who, what, until when, why, and the no."""
    from django.utils import translation

    with translation.override(lang):
        grant = easy.grant_lines("Paul", what=["x"], since="1er mai", until="1er juin", purpose=purpose)
        lines = grant + easy.leave_lines() + [line for each in easy.way_lines().values() for line in each]
        lines += easy.leaving_lines("Paul", hidden=False, team=True, grounds=["grant", "research", "representative"])
    for line in lines:
        for sentence in re.split(r"[.:]\s", line.text):
            assert len(sentence.replace("\u00a0", " ").split()) <= 13, line.text
    text = easy.text_of(grant)
    assert text.count("\n") == len(grant)
    for said in ("Paul", "- x", "1er mai", "1er juin"):
        assert said in text
