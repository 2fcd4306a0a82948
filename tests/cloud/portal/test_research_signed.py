"""A part in research signed with the passkey: what is read is what is signed, for this project, and no other."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from django.test import Client

from egide.cloud.comfort import easy, wishes
from egide.cloud.comfort.wishes import Wishes
from egide.cloud.consent import projects
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.projects import Project
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.release.proof import platform_anchors
from egide.cloud.signin.notices import is_unread
from egide.errors import ProofError
from egide.trust.grant import RESEARCH, verify_consent_proof
from tests.cloud.conftest import NOW
from tests.cloud.portal.test_research import TERMS, project, researcher, seated
from tests.cloud.portal.test_signing import asked, confirm, page_of, proof_of, sign
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import Hands, enrol, enter_by_link, hands
from tests.support.cast import Cast

__all__ = ["hands", "project", "researcher"]


@pytest.fixture
def client(cast: Cast, hands: Hands) -> Client:
    return enter_by_link(cast.alice)


@pytest.fixture
def phone(client: Client) -> Passkey:
    found = enrol(client)
    confirm(client)
    return found


def path_of(asking: Project) -> str:
    return f"/me/research/{asking.id}/join"


def read(client: Client, path: str) -> str:
    """What the script reads in the page: the text of each line, drawings left out."""
    page = client.get(path).content.decode()
    said = re.search(r'<blockquote class="aloud[^>]*>(.*?)</blockquote>', page, re.DOTALL)
    assert said
    lines = re.findall(r"<p[^>]*>(.*?)</p>", said[1], re.DOTALL)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", line)) for line in lines)


def test_a_part_in_research_is_signed_and_its_proof_holds_without_us(
    cast: Cast, client: Client, phone: Passkey, project: Project, researcher: Account
) -> None:
    """The words on the page are the words under the signature; the project's page and the list offer the file."""
    words = read(client, path_of(project))
    assert "Yes, take part without signing" in client.get(path_of(project)).content.decode()
    done = sign(client, phone, path_of(project))
    assert done["Location"] == f"/me/research/{project.id}?done=signed"
    (part,) = facts_of(cast.alice.pk).participations
    assert (part.declared, part.until_ms, part.holder.id) == (project.id, TERMS.until_ms, str(researcher.pk))
    file = proof_of(client, cast.alice)
    report = verify_consent_proof(file, platform_anchors())
    said = report.consent
    assert (said.kind, said.grant, said.purpose) == (RESEARCH, f"urn:uuid:{part.id}", "HRESCH")
    assert (said.families, said.until_ms, said.shown.text) == (("glucose",), TERMS.until_ms, words)
    with pytest.raises(ProofError):
        verify_consent_proof(file.replace(b"Sommeil et sucre", b"Sommeil et choux"), platform_anchors())
    page = client.get(done["Location"]).content.decode()
    assert "Signed with your passkey." in page
    assert "Download the proof" in page
    assert "René Cherche" in client.get("/me/sharing/signed").content.decode()
    assert is_unread(researcher, "shared")


def test_the_easy_words_of_a_project_are_what_the_passkey_signs(
    cast: Cast, client: Client, phone: Passkey, project: Project
) -> None:
    """Word for word, with a version of their own; the terms are the same."""
    wishes.keep(cast.alice, Wishes(easy=True))
    words = read(client, path_of(project))
    assert "I take part in a study. Its name: Sommeil et sucre." in words
    assert "- glucose" in words
    ask = client.post(f"{path_of(project)}/ask", {"shown": words}, headers={"accept": "application/json"})
    done = client.post(path_of(project), {"credential": phone.use(ask.content.decode())})
    assert done["Location"].endswith("?done=signed")
    report = verify_consent_proof(proof_of(client, cast.alice), platform_anchors())
    assert (report.consent.shown.text, report.consent.shown.version) == (words, easy.RESEARCH_VERSION)
    assert facts_of(cast.alice.pk).participations[0].data.families == frozenset({"glucose"})


def test_what_was_signed_for_one_project_joins_no_other(
    cast: Cast, client: Client, phone: Passkey, project: Project, researcher: Account
) -> None:
    """Nor does a text that the page does not show, nor an answer a second time; nothing is entered."""
    proposal = projects.propose_project(researcher, home(NOW), replace(TERMS, title="Autre"), now_ms=NOW)
    other = projects.approve_project(proposal, by=seated("Diane Second", "dpo", home(NOW)), now_ms=NOW)
    credential = phone.use(asked(client, path_of(project)).content.decode())
    wrong = client.post(path_of(other), {"credential": credential})
    assert wrong.status_code == 400
    assert "The text changed since you read it." in wrong.content.decode()
    swapped = asked(client, path_of(project), shown="I take part in nothing.")
    assert (swapped.status_code, swapped.json()["code"]) == (400, "text-changed")
    assert client.post(path_of(project), {"credential": credential}).status_code == 400
    assert not facts_of(cast.alice.pk).participations


def test_signing_a_part_in_research_asks_for_a_factor_and_for_an_open_project(
    cast: Cast, client: Client, phone: Passkey, project: Project, researcher: Account, hands: Hands
) -> None:
    """What the passkey is asked widens, as its page does; of a closed project it is asked nothing."""
    projects.close_project(project, by=researcher, now_ms=NOW)
    assert client.post(f"{path_of(project)}/ask", {"shown": "x"}).status_code == 404
    hands.on(360_000)
    stale = client.post(f"{path_of(project)}/ask", {"shown": "x"})
    assert stale.status_code in (302, 303, 403)
    assert not facts_of(cast.alice.pk).participations


def test_without_a_passkey_the_yes_is_simple_and_the_page_says_so(
    cast: Cast, client: Client, project: Project
) -> None:
    """It holds as well; no file is offered."""
    confirm(client)
    page = page_of(client, path_of(project))
    assert "Simple agreement, given from your account." in page.content.decode()
    done = client.post(path_of(project), {"text": page.context["act"].mark})
    shown = client.get(done["Location"]).content.decode()
    assert "Simple agreement, confirmed in your account" in shown
    assert "Download the proof" not in shown
