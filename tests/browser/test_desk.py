"""At the desk, in a real browser: a paper with its scan, the patient's own yes, and an invitation that is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import PHONE, visitor, watch
from tests.browser.test_pages import WIDE
from tests.browser.visits import be
from tests.support.papers import PDF
from tests.support.people import Portal, running_portal

pytestmark = [pytest.mark.slow, pytest.mark.server]
_NURSE = """
import time
import django
django.setup()
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
now = time.time_ns() // 1_000_000
bob = Account.objects.get(pk="{bob}")
seat(bob, home(now), "nurse", by=(bob, bob), now_ms=now - 1_000, how="ceremony")
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Bob is a nurse where Alice is known; one click makes a visitor anybody."""
    with running_portal(tmp_path_factory.mktemp("desk"), days=2, demo=True) as running:
        running._run(_NURSE.format(bob=running.people["bob"]))
        yield running


def fits(page: Page) -> None:
    """Nothing sticks out; the rest is judged where every page is."""
    assert page.evaluate(WIDE) <= 0, page.url


def test_a_paper_is_written_down_with_its_scan_and_its_patient_confirms_it(
    desk: Portal, chromium: Browser, tmp_path: Path
) -> None:
    """On a phone, in French: what was uploaded is what comes back, as a file; it waits, then it is confirmed."""
    form = tmp_path / "form.pdf"
    form.write_bytes(PDF)
    with visitor(chromium, size=PHONE) as page:
        said = watch(page)
        be(page, desk, "bob")
        page.goto(f"{desk.base}/desk/people/{desk.people['alice']}/agreements")
        fits(page)
        page.get_by_label("Être suivi à distance").check()
        page.get_by_label("Oui, elle accepte").check()
        page.get_by_label("Sur papier").check()
        page.get_by_label("La numérisation").set_input_files(form)
        page.locator("main form button.button").click()
        page.wait_for_url("**?done=recorded")
        expect(page.get_by_text("À confirmer plus tard")).to_have_count(1)
        fits(page)
        be(page, desk, "alice")
        page.goto(f"{desk.base}/me/agreements")
        fits(page)
        with page.expect_download() as taken:
            page.get_by_role("button", name="Télécharger la numérisation").click()
        assert taken.value.suggested_filename == "scan.pdf"
        assert Path(taken.value.path()).read_bytes() == PDF
        page.get_by_role("button", name="Oui, je l’ai dit").click()
        page.wait_for_url("**?done=confirm")
        expect(page.get_by_text("À confirmer plus tard")).to_have_count(0)
        assert said == []


def test_an_invitation_is_shown_once_and_opens_an_account_once(desk: Portal, chromium: Browser) -> None:
    """The code that a nurse reads out leads to where the first passkey is made; then the list is empty again."""
    with visitor(chromium, size=PHONE) as page, visitor(chromium) as newcomer:
        said = watch(page)
        be(page, desk, "bob")
        page.goto(f"{desk.base}/desk/invitations/new")
        fits(page)
        page.locator("#who-3").check()
        page.get_by_label("Prénom et nom").fill("Ana Proche")
        page.locator("main form button.button").click()
        expect(page.locator("svg.qr")).to_be_visible()
        fits(page)
        code = page.locator("code.code").inner_text()
        page.goto(f"{desk.base}/desk/invitations")
        fits(page)
        expect(page.get_by_role("heading", name="Ana Proche")).to_be_visible()
        assert code not in page.content()
        newcomer.goto(f"{desk.base}/welcome")
        newcomer.locator("#code").fill(code)
        newcomer.locator("main form button.button").click()
        newcomer.wait_for_url("**/security**")
        page.reload()
        expect(page.get_by_role("heading", name="Ana Proche")).to_have_count(0)
        assert said == []
