"""The journal as the patient's instrument, in a real browser: ask, be answered, be told; and the page of messages.

Every page is judged by axe-core, in French and English, on a phone and a desktop. EGIDE_SCREENSHOTS keeps pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import sign_in, visitor, watch
from tests.browser.test_pages import WIDE, keep
from tests.browser.test_patient import SIZES, SMALL, judged
from tests.support.people import Portal, running_portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
_SEED = """
import time
import django
django.setup()
from egide.cloud.messages import codes
from egide.cloud.messages.ways import turn_on
from egide.cloud.people.contacts import add_contact
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.portal import questions
from egide.cloud.release import journal, told, withheld
from egide.cloud.signin.notices import tell
now = time.time_ns() // 1_000_000
alice, bob, diane = (Account.objects.get(pk=key) for key in ("{alice}", "{bob}", "{diane}"))
place = home(now - 5)
place.name = "Maison Bleue"
place.save()
dpo = create_account("operator", "Denis Port", now - 5)
for who, office in ((dpo, "dpo"), (bob, "doctor"), (diane, "doctor")):
    seat(who, place, office, by=(who, who), now_ms=now - 5, how="ceremony")
def look(reader, purpose, ground, at, channel="portal"):
    return journal.write(
        patient=alice.pk, reader=reader, purpose=purpose, codes=(), since_ms=0, until_ms=1, channel=channel,
        ground=ground, now_ms=at,
    )
told.add_wish(alice, "outside", "now", now_ms=now)
look(diane, "ETREAT", "emergency", now - 86_400_000)
asked = look(bob, "TREAT", "care-team", now - 86_400_000 + 60_000, "export")
questions.ask(alice, asked, "objection", "Pourquoi une copie ?", now_ms=now - 3_600_000)
key = withheld.ask_to_withhold(diane, alice, reason="Menaces à son domicile.", now_ms=now)
contact = add_contact(alice, "email", "alice.moreau@exemple.fr", by=alice, now_ms=now)
way = turn_on(alice, contact.pk, language="fr", now_ms=now)
codes.prove(alice, way.pk, codes.code_of(way), now_ms=now)
add_contact(alice, "phone", "06 12 34 56 78", by=alice, now_ms=now)
tell(alice, "answer", now_ms=now)
print(dpo.pk)
"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal where messages outside are set up, with an officer, a question that waits, and a rule."""

    def prepare(_port: int, _keys: Path) -> dict[str, str]:
        return {
            "EGIDE_MESSAGES_ADDRESS": "https://portail.exemple.fr", "EGIDE_MESSAGES_FROM": "message@exemple.fr",
            "EGIDE_MESSAGES_SMTP": "smtp://mail.exemple.fr", "EGIDE_MESSAGES_SMS": "https://sms.exemple.fr/in",
            "EGIDE_MESSAGES_PUSH": "https://push.exemple.fr/in",
        }  # fmt: skip

    with running_portal(tmp_path_factory.mktemp("spoken"), days=1, prepare=prepare) as portal:
        portal.people["dpo"] = portal._run(_SEED.format(**portal.people)).split()[-1]
        yield portal


def fits(page: Page, said: list[str]) -> None:
    """Nothing sticks out, nothing is too small, axe-core finds nothing, the console is silent."""
    page.wait_for_load_state("load")
    assert page.evaluate(WIDE) <= 0, page.url
    assert page.evaluate(SMALL) == [], page.url
    assert judged(page) == [], page.url
    assert said == [], page.url


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_and_is_open_to_everybody(spoken: Portal, chromium: Browser, size: str, lang: str) -> None:
    """The patient's, the officer's and the doctor's, with everything that can be unfolded unfolded."""
    pages = {
        "alice": {"journal": "/me/journal", "rules": "/me/journal/rules", "messages": "/messages",
                  "options": "/settings/options"},
        "dpo": {"questions": "/office/privacy/questions", "privacy": "/office/privacy"},
        "bob": {"withhold": f"/patients/{spoken.people['alice']}/my-name", "messages-ward": "/messages"},
    }  # fmt: skip
    for who, paths in pages.items():
        with visitor(chromium, size=SIZES[size], lang=lang, bypass_csp=True) as page:
            sign_in(page, spoken.base, spoken.code_for(who))
            said = watch(page)
            for name, path in paths.items():
                page.goto(spoken.base + path)
                page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true })")
                keep(page, f"{size}-{lang}-{name}")
                fits(page, said)


def test_a_line_is_questioned_answered_and_read(spoken: Portal, chromium: Browser) -> None:
    """From the patient's phone to the officer's desk and back, with keys alone; without a word to who looked."""
    with visitor(chromium, size=SIZES["phone"]) as page:
        sign_in(page, spoken.base, spoken.code_for("alice"))
        said = watch(page)
        page.goto(f"{spoken.base}/me/journal")
        line = page.locator(".journal li", has_text="Diane Roux").first
        line.locator("summary").press("Enter")
        line.get_by_label("Avec vos mots").fill("Je ne la connais pas.")
        line.get_by_role("button", name="Envoyer au délégué").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Votre question est inscrite.")
        expect(page.get_by_text("Je ne la connais pas.")).to_be_visible()
        assert said == []
    with visitor(chromium) as page:
        sign_in(page, spoken.base, spoken.code_for("dpo"))
        page.goto(f"{spoken.base}/office/privacy/questions")
        item = page.locator(".journal li", has_text="Je ne la connais pas.")
        item.locator("summary").press("Enter")
        item.get_by_label("C’est expliqué").check()
        item.get_by_label("Avec des mots que le patient comprend").fill("Elle vous a reçue aux urgences.")
        item.get_by_role("button", name="Signer la réponse").press("Enter")
        expect(page.get_by_text("Elle vous a reçue aux urgences.")).to_be_visible()
        keep(page, "desktop-fr-questions-answered")
    with visitor(chromium, size=SIZES["phone"]) as page:
        sign_in(page, spoken.base, spoken.code_for("alice"))
        page.goto(f"{spoken.base}/messages")
        expect(page.get_by_text("Le délégué à la protection des données vous a répondu.").first).to_be_visible()
        page.goto(f"{spoken.base}/me/journal")
        expect(page.get_by_text("Elle vous a reçue aux urgences.")).to_be_visible()
        keep(page, "phone-fr-journal-answered")
    with visitor(chromium) as page:
        sign_in(page, spoken.base, spoken.code_for("diane"))
        page.goto(f"{spoken.base}/messages")
        expect(page.get_by_text("question")).to_have_count(0)


def test_a_rule_is_set_and_taken_away(spoken: Portal, chromium: Browser) -> None:
    """One page, two choices; the rule stands in a sentence, and goes with one press."""
    with visitor(chromium, size=SIZES["phone"]) as page:
        sign_in(page, spoken.base, spoken.code_for("alice"))
        page.goto(f"{spoken.base}/me/journal")
        page.get_by_role("link", name="M’avertir quand").click()
        page.get_by_label("Une personne précise voit mes mesures").check()
        page.get_by_label("Qui, s’il s’agit d’une seule personne").select_option(label="Dr Bob Durand")
        page.get_by_label("Une fois par semaine").check()
        page.get_by_role("button", name="M’avertir", exact=True).click()
        rule = page.locator(".rows li", has_text="Dr Bob Durand voit mes mesures")
        expect(rule).to_contain_text("le lundi")
        rule.get_by_role("button").click()
        expect(page.locator(".rows li", has_text="Dr Bob Durand")).to_have_count(0)


def test_stopping_messages_takes_one_press_and_starting_them_a_key(spoken: Portal, chromium: Browser) -> None:
    """Off at once; on again only after a factor was shown."""
    with visitor(chromium) as page:
        sign_in(page, spoken.base, spoken.code_for("alice"))
        page.goto(f"{spoken.base}/messages")
        row = page.locator(".rows li", has_text="alice.moreau@exemple.fr")
        row.get_by_role("button", name="Arrêter").click()
        expect(row).to_contain_text("rien n’y est envoyé")
        row.get_by_role("button", name="Envoyer là").click()
        page.wait_for_url("**/security/confirm**")
