"""A consent signed in a browser: asked, signed by Chromium's own authenticator, downloaded, verified without us.

EGIDE_SCREENSHOTS names a folder that keeps a picture of each page.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import DESKTOP, sign_in, visitor, watch
from tests.browser.test_pages import keep
from tests.browser.test_patient import authenticator, fits
from tests.browser.test_signin import digits
from tests.support.people import Portal, running_portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
PHONE = (390, 844)
_SEED = """
import time
import django
django.setup()
from egide.cloud.consent import follow_ups
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account, Registration
from egide.cloud.people.service import create_account
now = time.time_ns() // 1_000_000
alice, bob = Account.objects.get(pk="{alice}"), Account.objects.get(pk="{bob}")
print(create_account("relative", "Paul Moreau", now).username)
clinic = create_establishment("clinic", "Clinique des Lilas", now_ms=now)
Registration.objects.create(patient=alice, establishment=clinic, since_ms=now)
create_establishment("insurer", "Prévoyance du Midi", now_ms=now)
follow_ups.begin_follow_up(
    alice, responsible=bob, prescription="télésurveillance", operator="Hôpital", recorded_by=bob, now_ms=now
)
"""
_PUBLISH = """
import time
import django
django.setup()
from egide.cloud.register.publishing import publish
publish(now_ms=time.time_ns() // 1_000_000)
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """One of its own: Alice has a passkey here."""
    with running_portal(tmp_path_factory.mktemp("consent"), days=2) as running:
        yield running


@pytest.fixture(scope="module")
def paul(portal: Portal) -> str:
    """The code of Alice's brother. Beside him: a clinic that knows her, an insurer, a follow-up by Dr Bob."""
    return portal._run(_SEED.format(**portal.people)).strip()


def make_passkey(page: Page, base: str) -> None:
    page.goto(f"{base}/security")
    page.locator("form[data-passkey] input[name=name]").fill("téléphone")
    page.locator("form[data-passkey] button").first.click()
    page.wait_for_url("**/security/codes")


def answer_all(page: Page, base: str, who: str, families: tuple[str, ...], purpose: str) -> None:
    """Until the sentence. A factor was shown within five minutes: the passkey was just made."""
    page.goto(f"{base}/me/sharing/new/who")
    if page.locator(f"input[name=who][value='{who}']").count():
        page.locator(f"input[name=who][value='{who}']").check()
    else:
        page.locator("input[name=name]").fill(who)
    page.locator("main form .button").click()
    for family in families:
        page.locator(f"input[name=family][value={family}]").check()
    page.locator("input[name=data][value=new]").check()
    page.locator("main form .button").click()
    page.locator("input[name=until][value='90']").check()
    page.locator("main form .button").click()
    page.locator(f"input[name='for'][value={purpose}]").check()
    page.locator("main form .button").click()
    page.wait_for_url("**/me/sharing/new/review")


def egide(portal: Portal, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "egide.cli", *words], env=portal.environment, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def look(page: Page, name: str, said: list[str]) -> None:
    keep(page, name)
    fits(page, said)


@pytest.mark.parametrize(("lang", "size"), [("fr", PHONE), ("en", DESKTOP)])
def test_a_grant_is_signed_downloaded_and_verified_then_taken_back(
    portal: Portal, chromium: Browser, paul: str, tmp_path: Path, lang: str, size: tuple[int, int]
) -> None:
    """With keys alone on the pages that sign; the proof verifies offline, with what anybody may pin."""
    who = {"fr": "alice", "en": "charlie"}[lang]
    with visitor(chromium, lang=lang, size=size, bypass_csp=True) as page:
        authenticator(page)
        sign_in(page, portal.base, portal.code_for(who))
        make_passkey(page, portal.base)
        said = watch(page)
        answer_all(page, portal.base, paul, ("glucose", "pressure"), "SUPNWK")
        expect(page.locator("form[data-sign] button")).to_be_visible()
        look(page, f"consent-{lang}-review", said)
        read = page.locator(".aloud p").all_inner_texts()
        page.locator("form[data-sign] button").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/me/sharing?done=signed")
        portal._run(_PUBLISH)
        look(page, f"consent-{lang}-given", said)
        file, pinned = tmp_path / "consent.cbor", tmp_path / "anchors.toml"
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("Télécharger la preuve|Download the proof")).press("Enter")
        assert re.fullmatch(r"egide-consent-\d+\.cbor", download.value.suggested_filename)
        download.value.save_as(file)
        pinned.write_text(egide(portal, "anchors").stdout)
        verified = egide(portal, "verify", str(file), "--trust", str(pinned))
        assert verified.returncode == 0, verified.stderr
        words = " ".join(verified.stdout.split())
        assert "PROVED" in words
        assert all(" ".join(line.split()) in words for line in read)
        file.write_bytes(file.read_bytes().replace(b"Paul Moreau", b"Paul Mureau"))
        assert egide(portal, "verify", str(file), "--trust", str(pinned)).returncode == 1
        page.get_by_role("link", name=re.compile("Arrêter, et le signer|Stop it, and sign that")).press("Enter")
        expect(page.locator("form[data-sign] button")).to_be_visible()
        look(page, f"consent-{lang}-stop", said)
        page.locator("form[data-sign] button").press("Enter")
        page.wait_for_url("**/me/sharing?done=stopped")
        expect(page.get_by_role("heading", name="Paul Moreau")).to_have_count(0)
        page.goto(f"{portal.base}/me/sharing/signed")
        expect(page.get_by_role("link", name=re.compile("Télécharger la preuve|Download the proof"))).to_have_count(2)
        look(page, f"consent-{lang}-signed", said)


def test_a_text_swapped_on_the_screen_is_not_signed(portal: Portal, chromium: Browser, paul: str) -> None:
    """Whatever changed the page, the passkey is not asked and nothing is given; the simple way stays."""
    with visitor(chromium, size=PHONE, bypass_csp=True) as page:
        authenticator(page)
        sign_in(page, portal.base, fresh(portal, "Emma Roy"))
        make_passkey(page, portal.base)
        answer_all(page, portal.base, paul, ("weight",), "SUPNWK")
        page.evaluate("document.querySelector('.aloud p').textContent = 'Je n’autorise personne.'")
        page.locator("form[data-sign] button").click()
        expect(page.locator("form[data-sign] .said")).to_contain_text("n’est pas ce qui serait signé")
        expect(page.get_by_role("button", name="Oui, partager sans signer")).to_be_disabled()
        keep(page, "consent-fr-swapped")
        page.goto(f"{portal.base}/me/sharing")
        expect(page.get_by_role("heading", name="Paul Moreau")).to_have_count(0)


def test_an_assertion_replayed_for_another_grant_is_refused(portal: Portal, chromium: Browser, paul: str) -> None:
    """What the passkey signed for one grant, posted for the next: refused in words, nothing given."""
    with visitor(chromium, size=PHONE, bypass_csp=True) as page:
        authenticator(page)
        sign_in(page, portal.base, fresh(portal, "Zoé Roy"))
        make_passkey(page, portal.base)
        taken: list[str] = []
        page.route("**/me/sharing/new/review", lambda route: _note(route, taken))
        answer_all(page, portal.base, paul, ("weight",), "SUPNWK")
        page.locator("form[data-sign] button").click()
        page.wait_for_url("**/me/sharing?done=signed")
        answer_all(page, portal.base, paul, ("heart",), "SUPNWK")
        page.evaluate(
            "(old) => { navigator.credentials.get = async () => { const f = document.querySelector('form[data-sign]');"
            " f.elements.credential.value = old; f.submit(); return new Promise(() => {}); }; }", taken[0]
        )  # fmt: skip
        page.locator("form[data-sign] button").click()
        expect(page.get_by_role("alert").first).to_contain_text("Cette signature n’a pas été acceptée")
        keep(page, "consent-fr-replayed")
        page.goto(f"{portal.base}/me/sharing")
        expect(page.get_by_role("heading", name="Paul Moreau")).to_have_count(1)


def test_without_script_and_without_a_passkey_one_can_still_say_yes(
    portal: Portal, chromium: Browser, paul: str
) -> None:
    """By another factor, here a code app; the page says which kind of agreement it is."""
    with visitor(chromium, size=PHONE, java_script_enabled=False) as page:
        page.goto(f"{portal.base}/sign-in")
        page.locator("details:has(form#sign-in) summary").click()
        page.locator("form#sign-in input[name=code]").fill(fresh(portal, "Léa Roy"))
        page.locator("form#sign-in button").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(f"{portal.base}/security/app")
        secret = page.locator(".story code").first.inner_text().replace(" ", "")
        page.get_by_label("Les six chiffres").fill(digits(secret))
        page.get_by_role("button", name="La mettre en place").click()
        page.wait_for_url("**/security/codes")
        answer_all(page, portal.base, paul, ("weight",), "SUPNWK")
        expect(page.get_by_text("Accord simple, donné depuis votre compte.")).to_be_visible()
        expect(page.locator("form[data-sign]")).to_have_count(0)
        keep(page, "consent-fr-simple")
        page.get_by_role("button", name="Oui, partager").click()
        expect(page.get_by_text("Accord simple, confirmé dans votre compte")).to_be_visible()


def test_whom_one_can_grant_to(portal: Portal, chromium: Browser, paul: str) -> None:
    """A team, a place; no app; an insurer is found and refused with the reason."""
    with visitor(chromium, size=PHONE, bypass_csp=True) as page:
        authenticator(page)
        sign_in(page, portal.base, fresh(portal, "Ana Roy", like="alice"))
        make_passkey(page, portal.base)
        page.goto(f"{portal.base}/me/sharing/new/who")
        expect(page.get_by_text("L’équipe de soins de Dr Bob Durand")).to_be_visible()
        expect(page.get_by_text("Clinique des Lilas")).to_be_visible()
        look(page, "consent-fr-who", [])
        page.locator("input[name=name]").fill("prévoyance du midi")
        page.locator("main form .button").click()
        expect(page.get_by_role("alert")).to_contain_text("assureur")
        look(page, "consent-fr-insurer", [])
        place = page.locator(".choice", has_text="Clinique des Lilas").locator("input").get_attribute("value")
        answer_all(page, portal.base, str(place), ("weight",), "TREAT")
        expect(page.locator(".aloud")).to_contain_text("J’autorise Clinique des Lilas")
        look(page, "consent-fr-review-place", [])
        page.locator("form[data-sign] button").click()
        page.wait_for_url("**/me/sharing?done=signed")
        expect(page.get_by_role("heading", name="Clinique des Lilas")).to_be_visible()


_FRESH = """
import json, time
import django
django.setup()
from egide.cloud.consent import follow_ups
from egide.cloud.people.models import Account, Registration
from egide.cloud.people.service import create_account, make_link
now = time.time_ns() // 1_000_000
name, like = json.loads({said!r})
made = create_account("patient", name, now)
if like:
    model = Account.objects.get(pk=like)
    here = made.registrations.values("establishment")
    for row in Registration.objects.filter(patient=model).exclude(establishment__in=here):
        Registration.objects.create(patient=made, establishment=row.establishment, since_ms=now)
    bob = Account.objects.get(pk="{bob}")
    follow_ups.begin_follow_up(
        made, responsible=bob, prescription="télésurveillance", operator="Hôpital", recorded_by=bob, now_ms=now
    )
print(make_link(made, now))
"""


def fresh(portal: Portal, name: str, *, like: str = "") -> str:
    """A link of a new patient's; `like` somebody: known to the same places, followed by Dr Bob."""
    said = json.dumps([name, portal.people[like] if like else ""])
    return portal._run(_FRESH.format(said=said, bob=portal.people["bob"])).strip()


def _note(route: object, taken: list[str]) -> None:
    """Keep what the page posts, and let it go on."""
    request = route.request  # type: ignore[attr-defined]
    if request.method == "POST" and (sent := parse_qs(request.post_data or "").get("credential")):
        taken.append(sent[0])
    route.continue_()  # type: ignore[attr-defined]
