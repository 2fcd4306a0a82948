"""Apps as others write them go through SMART App Launch against the running platform, and read what a patient left.

Three clients that nobody here wrote: fhirclient of npm in Chromium, fhirclient of PyPI, fhirpy.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fhirclient import client as smart
from fhirclient.models.observation import Observation
from fhirpy import SyncFHIRClient
from playwright.sync_api import Browser, expect

from tests.browser.screens import visitor
from tests.browser.visits import be
from tests.support.people import Portal, running_portal

pytestmark = [pytest.mark.slow, pytest.mark.server]

SCOPES = "launch/patient patient/Observation.rs offline_access"
SCRIPT = (Path(__file__).parent / "vendor" / "fhir-client.pure.min.js").read_text("utf-8")
_REGISTER = """
import json, time
import django
django.setup()
from egide.cloud.people.establishments import home
from egide.cloud.people.offices import seat
from egide.cloud.people.service import create_account
from egide.cloud.smart.registry import Description, approve_app, register_app
now = time.time_ns() // 1_000_000
place = home(now)
mael, denis = create_account("operator", "Maël Fabrique", now), create_account("operator", "Denis Port", now)
seat(mael, place, "maker", by=(mael, denis), now_ms=now, how="ceremony")
seat(denis, place, "dpo", by=(mael, denis), now_ms=now, how="ceremony")
app = register_app(
    Description(
        name="Carnet", about="Montre mes mesures.", scopes="{scopes}", redirect_uris="{site}/callback.html",
        origins="{site}",
    ),
    place, by=mael, now_ms=now,
)
approve_app(app, by=denis, now_ms=now)
print(app.client_id)
"""
_PAGES = {
    "/launch.html": """<!doctype html><title>Launch</title><script src="/fhir-client.js"></script><script>
FHIR.oauth2.authorize({{clientId: "{app}", redirectUri: "{site}/callback.html", iss: "{base}/fhir",
  scope: "launch/patient patient/Observation.rs offline_access", pkceMode: "required"}});</script>""",
    "/callback.html": """<!doctype html><title>Back</title><p id="said"></p><script src="/fhir-client.js"></script>
<script>
FHIR.oauth2.ready().then(async (client) => {{
  const found = await client.request("Observation?_count=3&patient=" + client.patient.id);
  const again = await client.refresh();
  const after = await client.request("Observation?_count=1");
  document.getElementById("said").textContent =
    [client.patient.id, found.entry.length, after.entry.length, again.scope].join(" ");
}}).catch((error) => {{ document.getElementById("said").textContent = "failed: " + error; }});</script>""",
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A demo, so that one click makes a visitor Alice; an app that two people let in; and the app's own site."""
    with running_portal(tmp_path_factory.mktemp("apps"), days=2, demo=True) as portal, _site(portal) as site:
        portal.people.update(site=site, app=portal._run(_REGISTER.format(scopes=SCOPES, site=site)).strip())
        yield portal


@contextmanager
def _site(portal: Portal) -> Iterator[str]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            page = _PAGES.get(path, "").format(base=portal.base, **portal.people)
            text = SCRIPT if path == "/fhir-client.js" else page
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if path.endswith(".js") else "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_app_in_a_browser_reads_its_patient_s_record(served: Portal, chromium: Browser) -> None:
    """fhirclient of npm: discovery, PKCE, consent page, callback, search, refresh, all across origins."""
    with visitor(chromium) as page:
        be(page, served, "alice")
        page.goto(f"{served.people['site']}/launch.html")
        page.wait_for_url("**/fhir/auth/authorize?**")
        expect(page.locator("h1")).to_contain_text("Carnet")
        page.locator('button[name="say"][value="yes"]').click()
        page.wait_for_url(f"{served.people['site']}/callback.html**")
        said = page.locator("#said")
        expect(said).not_to_be_empty()
        expect(said).to_have_text(f"{served.people['alice']} 3 1 {SCOPES}")


def test_apps_on_a_computer_read_their_patient_s_record(served: Portal, chromium: Browser) -> None:
    """fhirclient of PyPI goes through the launch; fhirpy reads with the token; both find the same."""
    settings = {
        "app_id": served.people["app"], "api_base": f"{served.base}/fhir",
        "redirect_uri": f"{served.people['site']}/callback.html", "scope": SCOPES, "app_secret": None,
    }  # fmt: skip
    app = smart.FHIRClient(settings=settings)
    with visitor(chromium, java_script_enabled=False) as page:  # the code is left in the address
        be(page, served, "alice")
        page.goto(app.authorize_url)
        page.locator('button[name="say"][value="yes"]').click()
        page.wait_for_url(f"{served.people['site']}/callback.html**")
        back = page.url
    assert parse_qs(urlsplit(back).query)["iss"] == [f"{served.base}/fhir"]
    app.handle_callback(back)
    assert app.patient_id == served.people["alice"]
    found = [*islice(Observation.where({"_count": "3"}).perform_resources_iter(app.server), 3)]
    assert len(found) == 3
    assert app.reauthorize()
    token = app.server.auth.access_token
    app.server.session.close()
    other = SyncFHIRClient(f"{served.base}/fhir", authorization=f"Bearer {token}")
    page_of = other.resources("Observation").limit(3).fetch()
    assert [one["id"] for one in page_of] == [one.id for one in found]
    refused = httpx.get(f"{served.base}/fhir/Observation", headers={"Authorization": "Bearer x"})
    assert refused.status_code == 401
