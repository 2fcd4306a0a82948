"""The whole way in a real browser, under our content policy: nothing is refused, nobody has to press twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.screens import browser, sign_in, visitor, watch
from tests.cloud.federation.conftest import PROFESSIONAL, SECRET
from tests.support.openid import OpenId, running_provider
from tests.support.people import Portal, running_portal

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[tuple[Portal, OpenId]]:
    """A platform that knows a provider, and a provider that knows the platform."""
    found: list[OpenId] = []
    with ExitStack() as stack:

        def prepare(port: int, keys: Path) -> dict[str, str]:
            home = f"http://localhost:{port}/federation"
            client = {
                "client_id": "egide-psc", "client_secret": SECRET, "redirect_uris": [f"{home}/psc/callback"],
                "post_logout_redirect_uris": [f"{home}/signed-out"],
            }  # fmt: skip
            found.append(stack.enter_context(running_provider([client])))
            (keys / "psc-client.key").write_text(SECRET)
            (keys / "psc-client.key").chmod(0o600)
            return {
                "EGIDE_PEOPLE_PORT": str(port), "EGIDE_PSC_ISSUER": found[0].issuer, "EGIDE_PSC_CLIENT": "egide-psc"
            }  # fmt: skip

        portal = stack.enter_context(running_portal(tmp_path / "platform", days=1, prepare=prepare))
        found[0].control(who={"sub": "bob", "acr": "eidas1", "claims": PROFESSIONAL})
        yield portal, found[0]


def test_link_sign_in_and_sign_out_in_a_browser(connected: tuple[Portal, OpenId]) -> None:
    """From the link that invites; the next time one button is enough; signing out leads to the provider's page."""
    portal, openid = connected
    with browser() as running:
        with visitor(running) as page:
            said = watch(page)
            sign_in(page, portal.base, portal.code_for("bob"))
            page.goto(f"{portal.base}/federation/")
            page.get_by_role("button", name="Lier Pro Santé Connect").click()
            page.wait_for_url(f"{portal.base}/federation/")
            page.get_by_text("Liée à votre compte, niveau faible (eIDAS).").wait_for()
            assert said == []
        with visitor(running, lang="en") as page:
            said = watch(page)
            page.goto(f"{portal.base}/sign-in?next=/federation/")
            page.get_by_role("button", name="Sign in with Pro Santé Connect").click()
            page.get_by_role("heading", name="My identities").wait_for()
            page.get_by_role("button", name="Sign out", exact=True).click()
            page.get_by_role("heading", name="You are signed out").wait_for()
            with page.expect_request(lambda request: request.url.startswith(openid.issuer)) as asked:
                page.get_by_role("button", name="Sign out of Pro Santé Connect too").click()
            assert asked.value.method == "POST"
            assert "eyJ" not in asked.value.url
            assert [line for line in said if "Content Security Policy" in line] == []
