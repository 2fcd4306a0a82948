"""A grant and its end signed in the pages: what is shown is what is signed, here, once; and a simple yes beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from egide.cloud.consent.credentials import credentials_of
from egide.cloud.consent.grants import grants_of
from egide.cloud.consent.proof import signed_consents
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.portal.signing_keys import NONE, READY, UNABLE, able
from egide.cloud.register.models import Statement
from egide.cloud.register.publishing import publish
from egide.cloud.release.proof import platform_anchors
from egide.cloud.signin import clock
from egide.cloud.signin.enrolment import factors_of, remove, retire_all
from egide.cloud.signin.factors import mark_confirmed
from egide.errors import ProofError
from egide.trust.grant import verify_consent_proof
from tests.cloud.conftest import NOW
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import Hands, enrol, enter_by_link, hands
from tests.support.cast import Cast
from tests.support.ward import DAY_MS

__all__ = ["hands"]
REVIEW = "/me/sharing/new/review"


@pytest.fixture
def paul(cast: Cast) -> Account:
    """Alice's brother."""
    return create_account("relative", "Paul Moreau", NOW - DAY_MS)


@pytest.fixture
def client(cast: Cast) -> Client:
    return enter_by_link(cast.alice)


@pytest.fixture
def phone(client: Client) -> Passkey:
    return enrol(client)


def confirm(client: Client) -> None:
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()


def keep(client: Client, waiting: str) -> None:
    """Put a statement that was asked back where it waits."""
    session = client.session
    session["draft.signing"] = waiting
    session.save()


def answer_all(client: Client, who: dict[str, str], family: str = "glucose", **more: str) -> None:
    """Every question, with a factor fresh enough to go on."""
    confirm(client)
    client.post("/me/sharing/new/who", who)
    client.post("/me/sharing/new/what", {"family": [family], "data": more.get("data", "new")})
    client.post("/me/sharing/new/until", {"until": "30"})
    client.post("/me/sharing/new/for", {"for": more.get("purpose", "SUPNWK")})


def page_of(client: Client, path: str = REVIEW) -> Any:
    """The page as it is rendered: its context too."""
    return client.get(path)


def shown(client: Client, path: str = REVIEW) -> str:
    """What the script reads in the page."""
    return "\n".join(page_of(client, path).context["sentences"])


def asked(client: Client, path: str = REVIEW, **post: str) -> Any:
    return client.post(f"{path}/ask", {"shown": shown(client, path), **post}, headers={"accept": "application/json"})


def sign(client: Client, phone: Passkey, path: str = REVIEW, **over: Any) -> Any:
    """Ask, sign, post, as the script does."""
    return client.post(path, {"credential": phone.use(asked(client, path).content.decode(), **over)})


def proof_of(client: Client, account: Account, position: int = -1) -> bytes:
    publish(now_ms=clock.now_ms())
    entry = signed_consents(account.pk)[position][0]
    answer = client.get(f"/me/sharing/signed/{entry}")
    assert answer.headers["Content-Type"] == "application/vnd.egide.consent+cbor"
    assert "attachment; filename=\"egide-consent-" in answer.headers["Content-Disposition"]
    return bytes(answer.content)


def test_a_grant_is_signed_on_its_last_page_and_its_proof_holds_without_us(
    cast: Cast, client: Client, phone: Passkey, paul: Account
) -> None:
    """The words on the page are the words under the signature; the list offers the file beside the grant."""
    answer_all(client, {"name": paul.username}, data="90")
    page = page_of(client)
    assert "Signed with your passkey." in page.content.decode()
    assert "Yes, share without signing" in page.content.decode()
    words = shown(client)
    done = sign(client, phone)
    assert done["Location"] == "/me/sharing?done=signed"
    (held,) = grants_of(cast.alice)
    assert (held.holder.id, held.purpose, held.data.families) == (str(paul.pk), "SUPNWK", frozenset({"glucose"}))
    report = verify_consent_proof(proof_of(client, cast.alice), platform_anchors())
    assert (report.consent.shown.text, report.consent.shown.language, report.anchored) == (words, "en", True)
    assert report.consent.reader.name == "Paul Moreau"
    listed = client.get("/me/sharing").content.decode()
    entry = signed_consents(cast.alice.pk)[0][0]
    assert f"/me/sharing/signed/{entry}" in listed
    assert "Signed with your passkey" in listed


def test_its_end_is_signed_too_and_both_stay_among_what_was_signed(
    cast: Cast, client: Client, phone: Passkey, paul: Account, hands: Hands
) -> None:
    """In a session that confirmed nothing: what narrows asks for no factor but the signature itself."""
    answer_all(client, {"name": paul.username})
    sign(client, phone)
    hands.on(DAY_MS // 24)
    path = f"/me/sharing/grants/{grants_of(cast.alice)[0].id}/stop"
    assert "I take back what I gave Paul Moreau on" in client.get(path).content.decode()
    assert sign(client, phone, path)["Location"] == "/me/sharing?done=stopped"
    assert grants_of(cast.alice)[0].until_ms == NOW + DAY_MS // 24
    report = verify_consent_proof(proof_of(client, cast.alice), platform_anchors())
    assert (report.consent.kind, report.consent.reader.name) == ("withdrawal", "Paul Moreau")
    page = client.get("/me/sharing/signed").content.decode()
    assert page.count("Download the proof") == 2
    assert "Taken back: Paul Moreau" in page
    assert client.get(path).status_code == 400


def test_without_a_passkey_the_page_says_what_a_simple_agreement_is(
    cast: Cast, client: Client, paul: Account
) -> None:
    """It holds all the same; the list says which kind it is and offers no file."""
    answer_all(client, {"name": paul.username})
    page = page_of(client)
    text = page.content.decode()
    assert "Simple agreement, given from your account." in text
    assert "data-sign" not in text
    client.post(REVIEW, {"text": page.context["act"].mark})
    assert len(grants_of(cast.alice)) == 1
    listed = client.get("/me/sharing").content.decode()
    assert "Simple agreement, confirmed in your account" in listed
    assert "/me/sharing/signed" not in listed
    assert client.post(f"/me/sharing/grants/{grants_of(cast.alice)[0].id}/withdraw").status_code == 302
    assert grants_of(cast.alice)[0].until_ms == NOW


def test_a_text_swapped_in_the_page_is_not_signed(
    cast: Cast, client: Client, phone: Passkey, paul: Account
) -> None:
    """The script says what the page shows: another text, and the passkey is never asked."""
    answer_all(client, {"name": paul.username})
    before = Statement.objects.count()
    answer = asked(client, shown="I let Paul Moreau see nothing.")
    assert (answer.status_code, answer.json()["code"]) == (400, "text-changed")
    assert Statement.objects.count() == before
    assert "draft.signing" not in client.session


def test_answers_changed_in_another_tab_are_not_what_was_read(
    cast: Cast, client: Client, phone: Passkey, paul: Account
) -> None:
    """Neither with a signature nor with a simple yes: the page comes again with the text that would hold."""
    answer_all(client, {"name": paul.username})
    mark, words = page_of(client).context["act"].mark, shown(client)
    answer_all(client, {"name": paul.username}, family="weight")
    assert asked(client, shown=words).json()["code"] == "text-changed"
    again = client.post(REVIEW, {"text": mark})
    assert again.status_code == 400
    assert "The text changed since you read it." in again.content.decode()
    assert not grants_of(cast.alice)


def test_a_signature_signs_what_was_asked_whatever_the_answers_became(
    cast: Cast, client: Client, phone: Passkey, paul: Account
) -> None:
    """Between asking and answering, another tab names somebody else: nothing is entered."""
    answer_all(client, {"name": paul.username})
    credential = phone.use(asked(client).content.decode())
    answer_all(client, {"name": "Diane Roux"}, purpose="TREAT")
    assert client.post(REVIEW, {"credential": credential}).status_code == 400
    assert not grants_of(cast.alice)


def test_an_assertion_serves_once_and_one_grant(
    cast: Cast, client: Client, phone: Passkey, paul: Account
) -> None:
    """The very same answer again, or for another grant, or one of a sign-in: refused in words, nothing entered."""
    answer_all(client, {"name": paul.username})
    credential = phone.use(asked(client).content.decode())
    assert client.post(REVIEW, {"credential": credential})["Location"].endswith("done=signed")
    answer_all(client, {"name": paul.username}, family="weight")
    for wrong in (credential, phone.use(client.post("/sign-in/passkey/options").content.decode()), "{}", "[", ""):
        asked(client)
        again = client.post(REVIEW, {"credential": wrong})
        assert again.status_code == 400
        assert 'role="alert"' in again.content.decode()
    assert len(grants_of(cast.alice)) == 1


def test_what_waited_is_good_once_and_for_ten_minutes(
    cast: Cast, client: Client, phone: Passkey, paul: Account, hands: Hands
) -> None:
    """A second post finds nothing to answer; a late one is told to read again."""
    answer_all(client, {"name": paul.username})
    credential = phone.use(asked(client).content.decode())
    waiting = client.session["draft.signing"]
    hands.on(600_001)
    confirm(client)
    assert "Too much time went by" in client.post(REVIEW, {"credential": credential}).content.decode()
    hands.on(-600_001)
    confirm(client)
    keep(client, waiting)
    assert client.post(REVIEW, {"credential": credential})["Location"].endswith("done=signed")
    answer_all(client, {"name": paul.username})
    keep(client, waiting)  # as a second process that read the session before
    assert client.post(REVIEW, {"credential": credential}).status_code == 400
    assert len(grants_of(cast.alice)) == 1


@pytest.mark.parametrize(
    "over", [{"origin": "http://localhost:9999"}, {"crossOrigin": True}, {"type": "webauthn.create"}], ids=str
)
def test_a_signature_made_elsewhere_is_refused(
    cast: Cast, client: Client, phone: Passkey, paul: Account, over: dict[str, Any]
) -> None:
    """Another page, another site's frame, another ceremony."""
    answer_all(client, {"name": paul.username})
    assert sign(client, phone, **over).status_code == 400
    assert not grants_of(cast.alice)


def test_nobody_signs_or_downloads_for_another(
    cast: Cast, client: Client, phone: Passkey, paul: Account
) -> None:
    """Charlie finds neither Alice's grant nor her proof at their addresses."""
    answer_all(client, {"name": paul.username})
    sign(client, phone)
    publish(now_ms=clock.now_ms())
    entry, grant = signed_consents(cast.alice.pk)[0][0], grants_of(cast.alice)[0].id
    for who in (cast.charlie, cast.bob):
        other = enter_by_link(who)
        for path in (f"/me/sharing/signed/{entry}", f"/me/sharing/grants/{grant}/stop"):
            assert other.get(path).status_code in (403, 404)
        assert other.post(f"/me/sharing/grants/{grant}/stop/ask").status_code in (403, 404)
    assert client.get(f"/me/sharing/signed/{2**64}").status_code == 404
    assert client.get("/me/sharing/signed/7").status_code == 404
    assert Client().get(f"/me/sharing/signed/{entry}").status_code == 302
    assert client.get("/me/sharing/signed").content.decode().count("Download the proof") == 1


def test_a_file_that_was_altered_does_not_verify(cast: Cast, client: Client, phone: Passkey, paul: Account) -> None:
    """The name in it, for one."""
    answer_all(client, {"name": paul.username})
    sign(client, phone)
    file = proof_of(client, cast.alice)
    assert file.count(b"Paul Moreau") > 1
    with pytest.raises(ProofError):
        verify_consent_proof(file.replace(b"Paul Moreau", b"Paul Morel!"), platform_anchors())


def test_a_passkey_of_another_kind_opens_the_account_and_cannot_sign(
    cast: Cast, client: Client, phone: Passkey, paul: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RS256: said with what to do, and the simple agreement is there."""
    assert able(cast.alice) == READY
    monkeypatch.setattr("egide.cloud.portal.signing_keys._cose", lambda _: rs256())
    assert able(cast.alice) == UNABLE
    answer_all(client, {"name": paul.username})
    page = page_of(client)
    assert "make a second passkey on a phone or a security key" in page.content.decode()
    answer = client.post(f"{REVIEW}/ask", {"shown": shown(client)}, headers={"accept": "application/json"})
    assert answer.status_code == 400
    assert client.post(REVIEW, {"text": page.context["act"].mark})["Location"].endswith("done=given")
    assert able(cast.charlie) == NONE


def rs256() -> bytes:
    from fido2 import cbor  # the encoder of authenticators

    return bytes(cbor.encode({1: 3, 3: -257, -1: bytes(256), -2: b"\x01\x00\x01"}))


def test_removing_a_passkey_retires_it_for_signing_by_a_signed_statement(
    cast: Cast, client: Client, phone: Passkey, paul: Account, hands: Hands
) -> None:
    """At once, without anybody asking for a signature; what it signed before still proves, and says so."""
    answer_all(client, {"name": paul.username})
    sign(client, phone)
    credential = phone.use(asked_again(client, paul))
    remove(cast.alice, factors_of(cast.alice)[0].id, now_ms=NOW + 1_000)
    (enrolled,) = credentials_of(cast.alice.pk)
    assert enrolled.ended is not None
    assert Statement.objects.get(pk=enrolled.ended).kind == "credential-end"
    hands.on(1_000)
    confirm(client)
    assert client.post(REVIEW, {"credential": credential}).status_code == 400
    assert len(grants_of(cast.alice)) == 1
    report = verify_consent_proof(proof_of(client, cast.alice), platform_anchors())
    assert report.retired_ms == NOW + 1_000


def asked_again(client: Client, paul: Account) -> str:
    answer_all(client, {"name": paul.username}, family="weight")
    return str(asked(client).content.decode())


def test_one_passkey_of_two_is_retired_and_the_other_signs(
    cast: Cast, client: Client, phone: Passkey, paul: Account
) -> None:
    """And when all factors go, as after a recovery, so do all that sign."""
    other = enrol(client)
    answer_all(client, {"name": paul.username})
    sign(client, phone)
    first = Authenticator.objects.filter(user=cast.alice, type="webauthn").order_by("pk")[0]
    remove(cast.alice, first.pk, now_ms=NOW + 1_000)
    assert [each.ended is not None for each in credentials_of(cast.alice.pk)] == [True, False]
    answer_all(client, {"name": paul.username}, family="weight")
    assert json.loads(asked(client).content)["publicKey"]["allowCredentials"][0]["id"]
    assert sign(client, other)["Location"].endswith("done=signed")
    retire_all(cast.alice, now_ms=NOW + 2_000)
    assert all(each.ended is not None for each in credentials_of(cast.alice.pk))
    assert able(cast.alice) == NONE
