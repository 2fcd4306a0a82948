"""The patient's pages in a real browser: objects, who may see, who has seen, and leaving safely (needs: N13).

Every page is judged by axe-core, in French and English, on a phone and a desktop, at twice the size, with keys alone.
EGIDE_SCREENSHOTS names a folder that keeps a picture of each page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import DESKTOP, sign_in, visitor, watch
from tests.browser.test_pages import SMALL as SMALL_ANYWHERE
from tests.browser.test_pages import WIDE, keep
from tests.support.people import Portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
SIZES = {"phone": (360, 780), "desktop": DESKTOP}
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
#: A box to tick or a choice is as large as its row, which its label covers.
SMALL = SMALL_ANYWHERE.replace("e.getBoundingClientRect()", "(e.closest('.choice') || e).getBoundingClientRect()")
#: Only what was found, in few words.
JUDGE = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found = await axe.run(document, { runOnly: { type: 'tag', values: tags } });
  return found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(' | '));
}"""
_SEED = """
import time
import django
django.setup()
from egide.cloud.consent import grants, representation, restrictions
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
now = time.time_ns() // 1_000_000
alice, bob = Account.objects.get(pk="{alice}"), Account.objects.get(pk="{bob}")
paul = create_account("relative", "Paul Moreau", now)
grants.give_grant(
    alice, paul, families=("glucose", "weight"), purpose="SUPNWK", now_ms=now, until_ms=now + 90 * 86_400_000
)
rose = create_account("relative", "Rose Moreau", now)
representation.represent(
    alice, rose, nature="parent", deed="d", recorded_by=bob, now_ms=now, adult_ms=now + 999 * 86_400_000
)
restrictions.restrict(alice, who=bob, families=("weight",), now_ms=now)
print(paul.pk, paul.username)
"""


@pytest.fixture(scope="module")
def paul(portal: Portal) -> tuple[str, str]:
    """Alice's brother sees her glucose; her mother has parental authority. His id and his code."""
    told = portal._run(_SEED.format(**portal.people)).split()
    return told[0], told[1]


def pages_of(portal: Portal) -> dict[str, str]:
    return {
        "objects": "/me/objects",
        "objects-add": "/me/objects/add",
        "sharing": "/me/sharing",
        "oppose": f"/me/sharing/team/{portal.people['bob']}/object",
        "grant-who": "/me/sharing/new/who",
        "hide-from": "/me/sharing/hide/from",
        "journal": "/me/journal",
        "options": "/settings/options",
        "design": "/design",
    }


def judged(page: Page) -> list[Any]:
    """What axe-core finds; it is put in from outside, as a person's own tool would be."""
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(JUDGE)
    return found


def authenticator(page: Page) -> None:
    """A passkey's hardware, made of nothing."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def fits(page: Page, said: list[str]) -> None:
    page.wait_for_load_state("load")
    assert page.evaluate(WIDE) <= 0, page.url
    assert page.evaluate(SMALL) == [], page.url
    assert judged(page) == [], page.url
    assert said == [], page.url


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_and_is_open_to_everybody(
    portal: Portal, chromium: Browser, paul: tuple[str, str], size: str, lang: str
) -> None:
    """Nothing sticks out, nothing is too small, no rule of WCAG 2.2 AA that a program can judge is broken."""
    with visitor(chromium, size=SIZES[size], lang=lang, bypass_csp=True) as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        said = watch(page)
        for name, path in pages_of(portal).items():
            page.goto(portal.base + path)
            assert page.locator("html").get_attribute("lang") == lang
            keep(page, f"{size}-{lang}-{name}")
            fits(page, said)
        page.goto(f"{portal.base}/me/objects")
        page.locator(".cards h2 a").first.click()
        keep(page, f"{size}-{lang}-object")
        fits(page, said)
        page.locator(".rows a").last.click()
        keep(page, f"{size}-{lang}-object-lost")
        fits(page, said)


def test_pages_keep_to_the_policy(portal: Portal, chromium: Browser, paul: tuple[str, str]) -> None:
    """With the policy on, in a dark theme, the console is silent."""
    with visitor(chromium, color_scheme="dark") as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        said = watch(page)
        for name, path in pages_of(portal).items():
            page.goto(portal.base + path)
            keep(page, f"dark-{name}")
        assert said == []


def test_at_twice_the_size_nothing_is_lost(portal: Portal, chromium: Browser, paul: tuple[str, str]) -> None:
    """200 %, as browsers do it: half the width."""
    with visitor(chromium, size=(640, 512)) as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        for path in pages_of(portal).values():
            page.goto(portal.base + path)
            assert page.evaluate(WIDE) <= 0, path


def test_an_object_is_added_named_paused_and_started_again(portal: Portal, chromium: Browser) -> None:
    """With keys alone: the code appears once, as a drawing and as text."""
    with visitor(chromium, size=SIZES["phone"]) as page:
        sign_in(page, portal.base, portal.code_for("charlie"))
        page.goto(f"{portal.base}/me/objects")
        expect(page.get_by_text("Vous n’avez pas encore d’objet ici")).to_be_visible()
        page.get_by_role("link", name="Ajouter un objet").press("Enter")
        page.get_by_label("Quel est cet objet").fill("Oxy Doigt")
        page.get_by_label("Comment l’appelez-vous").fill("Mon oxymètre")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Mon oxymètre")
        page.get_by_role("button", name="Montrer le code").press("Enter")
        expect(page.get_by_label("Le même code, en texte")).to_have_value(re.compile(r"^egide:enrol\?u="))
        assert page.locator("svg.qr").bounding_box() is not None
        keep(page, "phone-fr-object-code")
        page.goto(page.url.removesuffix("/code"))
        page.get_by_role("link", name="Le mettre en pause").press("Enter")
        keep(page, "phone-fr-object-pause")
        page.get_by_role("button", name="Mettre en pause").press("Enter")
        expect(page.get_by_text("Il ne mesure personne pour l’instant.")).to_be_visible()
        page.get_by_role("button", name="Le remettre en service").press("Enter")
        expect(page.get_by_role("link", name="Le mettre en pause")).to_be_visible()


def test_a_grant_is_given_with_a_passkey_and_stopped_with_one_press(
    portal: Portal, chromium: Browser, paul: tuple[str, str]
) -> None:
    """One question a page, the sentence, the passkey; then a single press, no passkey, and it is over."""
    with visitor(chromium, size=SIZES["phone"], bypass_csp=True) as page:
        authenticator(page)
        sign_in(page, portal.base, portal.code_for("charlie"))
        page.goto(f"{portal.base}/security")
        page.get_by_label("Un nom pour").fill("clé verte")
        page.locator("form[data-passkey] button").first.click()
        page.wait_for_url("**/security/codes")
        page.goto(f"{portal.base}/me/sharing/new")
        page.wait_for_url("**/me/sharing/new/who")
        page.get_by_label("Son nom ou son code").fill(paul[1])
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Glycémie").check()
        page.get_by_label("Poids").check()
        page.get_by_label("Seulement ce qui est mesuré").check()
        keep(page, "phone-fr-grant-what")
        fits(page, [])
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Pendant un mois").check()
        keep(page, "phone-fr-grant-until")
        fits(page, [])
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Pour m’aider au quotidien").check()
        keep(page, "phone-fr-grant-for")
        page.get_by_role("button", name="Continuer").click()
        expect(page.locator(".aloud")).to_contain_text(
            "J’autorise Paul Moreau à voir ces mesures\u00a0: glycémie et poids"
        )
        keep(page, "phone-fr-grant-review")
        fits(page, [])
        page.get_by_role("button", name="Oui, partager sans signer").click()
        expect(page.get_by_role("heading", name="Paul Moreau")).to_be_visible()
        keep(page, "phone-fr-sharing-given")
        page.get_by_role("button", name=re.compile("Arrêter maintenant")).click()
        expect(page.get_by_role("heading", name="Paul Moreau")).to_have_count(0)


def test_hiding_shows_what_stops_first(portal: Portal, chromium: Browser, paul: tuple[str, str]) -> None:
    """From whom, what, the consequences; one press."""
    with visitor(chromium, lang="en", size=SIZES["phone"], bypass_csp=True) as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        page.goto(f"{portal.base}/me/sharing/hide")
        page.get_by_label("Dr Bob Durand").check()
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Glucose").check()
        keep(page, "phone-en-hide-which")
        fits(page, [])
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("To Dr Bob Durand, this was never measured: glucose.")).to_be_visible()
        keep(page, "phone-en-hide-check")
        fits(page, [])
        page.get_by_role("button", name="Hide it").click()
        expect(page.get_by_text("it is as if it had not been measured")).to_be_visible()


def test_leaving_safely_without_script(portal: Portal, chromium: Browser, paul: tuple[str, str]) -> None:
    """The team unticked, the parent referred to it, word for word what Paul will read; then it is done."""
    with visitor(chromium, java_script_enabled=False) as page:
        page.goto(f"{portal.base}/sign-in")
        page.locator("details:has(form#sign-in) summary").click()
        page.locator("form#sign-in input[name=code]").fill(portal.code_for("alice"))
        page.locator("form#sign-in button").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(f"{portal.base}/settings/options")
        expect(page).to_have_title("Options · Egide")
        expect(page.get_by_label("Paul Moreau")).to_be_checked()
        expect(page.get_by_label("Dr Bob Durand")).not_to_be_checked()
        expect(page.get_by_label("Rose Moreau")).to_have_count(0)
        page.get_by_role("button", name="Continuer").click()
        page.get_by_label("Seulement cacher la suite").check()
        page.get_by_role("button", name="Continuer").click()
        expect(page.get_by_text("Aucune mesure sur cette période")).to_be_visible()
        page.get_by_role("button", name="Le faire").click()
        expect(page.get_by_text("Aucun message n’a été envoyé à personne.")).to_be_visible()
        expect(page.get_by_role("button", name="Rouvrir Paul Moreau")).to_be_visible()


def test_the_pages_of_leaving_fit(portal: Portal, chromium: Browser, paul: tuple[str, str]) -> None:
    """On a phone, each step is open to everybody."""
    with visitor(chromium, size=SIZES["phone"], bypass_csp=True) as page:
        sign_in(page, portal.base, portal.code_for("alice"))
        page.goto(f"{portal.base}/settings/options")
        page.get_by_label("Dr Bob Durand").check()
        page.get_by_role("button", name="Continuer").click()
        page.wait_for_url("**/settings/options/how")
        keep(page, "phone-fr-options-how")
        fits(page, [])
        page.get_by_role("radio", name=re.compile("^Maintenant")).check()
        page.get_by_role("button", name="Continuer").click()
        page.wait_for_url("**/settings/options/check")
        keep(page, "phone-fr-options-check")
        fits(page, [])


@pytest.mark.parametrize("way", ["button", "escape"])
def test_the_quick_exit_replaces_the_page_and_ends_the_session(
    portal: Portal, chromium: Browser, paul: tuple[str, str], way: str
) -> None:
    """The page is not in the history any more, and going back shows nothing: the session is over."""
    with visitor(chromium) as page:
        page.route(
            "https://meteofrance.com/",
            lambda route: route.fulfill(body="<title>Météo</title>", content_type="text/html"),
        )
        sign_in(page, portal.base, portal.code_for("alice"))
        page.goto(f"{portal.base}/me")
        page.goto(f"{portal.base}/settings/options")
        before = page.evaluate("history.length")
        if way == "button":
            page.get_by_role("link", name="Quitter vite cette page").click()
        else:
            for _ in range(3):
                page.keyboard.press("Escape")
        page.wait_for_url("https://meteofrance.com/")
        assert page.evaluate("history.length") == before
        page.goto(f"{portal.base}/settings/options")
        assert "/sign-in" in page.url
