"""A grant, a part in research, or an end, signed in a page by the patient's passkey.

What is asked, and what waits until it answers:

    begin    the text on the page must be the statement's; its hash goes to the browser, the statement stays here
    finish   what came back is checked against the statement that waited, which is good once

The statement waits sealed in the session (drafts.py). consent/signing.py checks and enters; this page's part is that
what is signed is what was shown, here, now.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils import formats
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from egide.cloud.comfort import easy
from egide.cloud.comfort.wishes import current
from egide.cloud.consent.facts import Grant, Holder
from egide.cloud.consent.families import FAMILIES
from egide.cloud.consent.signing import (
    READER_KINDS,
    Signed,
    StatementStaleError,
    ask,
    check,
    last_signed,
    new_nonce,
    uri_of,
)
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal import drafts, sharing, words
from egide.cloud.portal.sharing import Draft
from egide.cloud.portal.signing_keys import SigninPasskeys, enter_passkeys
from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.spent import spend
from egide.errors import EgideError, MalformedError, RefusedError, SignatureError
from egide.trust.grant import GRANT, MAX_SIGNING_MS, WITHDRAWAL, Consent, Named, Period, Shown, challenge_of
from egide.trust.webauthn import Place

__all__ = [
    "REFUSED", "Act", "TextChangedError", "begin", "finish", "granting", "problem_words", "require_text", "withdrawing",
]  # fmt: skip

MAX_ANSWER: Final = 16_384
_WAITING: Final = "signing"
_VERSION: Final = "1"  # of the sentences: another wording is another version


class TextChangedError(RefusedError):
    """The page shows another text than the one that would hold."""

    code = "text-changed"
    hint = "read the page again: it is not what would be signed"


#: What goes wrong between a page and a passkey: the page is shown again, and says so.
REFUSED: Final = (FactorError, MalformedError, SignatureError, StatementStaleError, TextChangedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a page puts to the patient: `sentences` are what they read, the rest is what these say."""

    kind: str  # GRANT, RESEARCH or WITHDRAWAL
    holder: Holder
    families: Iterable[str] | None
    purpose: str
    sentences: Sequence[str]
    data_since_ms: int | None = None
    data_until_ms: int | None = None
    until_ms: int | None = None
    grant: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = _VERSION
    lines: Sequence[easy.Line] = ()  # the same sentences with their drawings, when the words are easy ones

    @property
    def text(self) -> str:
        return "\n".join(self.sentences)

    @property
    def mark(self) -> str:
        """What a form carries, so that what it says yes to is what was read."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def granting(draft: Draft, now_ms: int) -> Act:
    """A complete draft as the act that it is, in the words that its reader wishes: those are what is signed."""
    assert draft.holder is not None
    lines = _easy(draft, draft.holder, now_ms) if current().easy else []
    return Act(
        kind=GRANT, holder=draft.holder, families=draft.families, purpose=draft.purpose, until_ms=draft.until_ms,
        data_since_ms=draft.data_since_ms(now_ms), lines=lines,
        sentences=easy.text_of(lines).split("\n") if lines else draft.sentences(now_ms),
        version=easy.GRANT_VERSION if lines else _VERSION,
    )  # fmt: skip


def _easy(draft: Draft, holder: Holder, now_ms: int) -> list[easy.Line]:
    since = draft.data_since_ms(now_ms)
    first, *rest = easy.grant_lines(
        sharing.holder_name(holder),
        what=None if draft.families is None else [sharing.family_words(family) for family in draft.families],
        since=None if since is None else "" if since >= now_ms else _day(since),
        until=_day(draft.until_ms - 1),
        purpose=draft.purpose,
    )
    return [first, *(easy.Line(picture="person", text=text) for text in sharing.easy_members(holder)), *rest]


def _day(ms: int) -> str:
    return formats.date_format(words.local(ms), "j F Y")


def withdrawing(grant: Grant) -> Act:
    """The end of a grant."""
    return Act(
        kind=WITHDRAWAL, holder=grant.holder, families=grant.data.families, purpose=grant.purpose, grant=grant.id,
        data_since_ms=grant.data.since_ms, data_until_ms=grant.data.until_ms, sentences=sharing.stopping(grant),
    )  # fmt: skip


def require_text(act: Act, mark: str) -> None:
    """Raises TextChangedError unless a form says yes to this very text."""
    if mark != act.mark:
        raise TextChangedError("the answers changed since this was read")


def begin(request: HttpRequest, patient: Account, act: Act, *, now_ms: int) -> dict[str, Any]:
    """What the browser is to ask its passkey. The page says what it shows (`shown`); the statement waits here.

    Raises:
        TextChangedError: it shows something else.
        RefusedError: this account has no passkey that may sign, or the page is not at our own address.
    """
    if request.POST.get("shown", "").replace("\r\n", "\n") != act.text:
        raise TextChangedError("the page shows another text")
    place = _place(request)
    enter_passkeys(patient, rp=place.rp, now_ms=now_ms)
    asked = ask(_consent(patient, act, place, now_ms), SigninPasskeys())
    drafts.save(request, patient, _WAITING, {"statement": asked.statement.hex()})
    return asked.options


def finish(request: HttpRequest, patient: Account, *, now_ms: int) -> Signed:
    """What the passkey signed, checked. The statement that waited is gone, whatever the answer was.

    Raises:
        MalformedError, SignatureError, StatementStaleError: see consent.signing.check.
        FactorError: nothing waited, or it was answered before.
    """
    statement = bytes.fromhex(str(drafts.load(request, patient, _WAITING).get("statement", "")))
    drafts.clear(request, _WAITING)
    if not statement:
        raise FactorError("nothing was asked")
    answer = _answer(request.POST.get("credential", ""))
    signed = check(statement, answer, patient.pk, SigninPasskeys(), now_ms=now_ms)
    spend("consent", challenge_of(statement).hex(), until_ms=now_ms + MAX_SIGNING_MS, now_ms=now_ms)
    return signed


def problem_words(error: EgideError) -> str:
    """What a page says when a signature, or a yes, was not taken."""
    if isinstance(error, TextChangedError):
        return _("The text changed since you read it. Nothing was done: read it again, then answer.")
    if error.code == "statement-stale":
        return _("Too much time went by, or you signed something else meanwhile. Nothing was done: read it again.")
    return _("This signature was not accepted, and nothing was done. Try again, or go on without signing.")


def _consent(patient: Account, act: Act, place: Place, now_ms: int) -> Consent:
    me = Named(f"urn:uuid:{patient.pk}", name_of(patient))
    return Consent(
        kind=act.kind, grant=f"urn:uuid:{act.grant}", patient=me, signer=me, reader_kind=READER_KINDS[act.holder.kind],
        reader=Named(uri_of(act.holder), sharing.holder_name(act.holder)),
        families=tuple(sorted(FAMILIES if act.families is None else act.families)),
        period=Period(act.data_since_ms, act.data_until_ms), purpose=act.purpose, until_ms=act.until_ms,
        previous=last_signed(patient.pk), nonce=new_nonce(), at_ms=now_ms,
        shown=Shown(act.text, act.version, (get_language() or "fr")[:2]), place=place,
    )  # fmt: skip


def _place(request: HttpRequest) -> Place:
    """Where the person is, when that is where their passkeys are. Raises RefusedError."""
    options = settings.OPTIONS
    ours = options.people_origins()
    if not ours and request.get_host().partition(":")[0] == options.public_host:
        ours = [f"http://{request.get_host()}"]
    origin = request.headers.get("Origin") or (ours[0] if ours else "")
    if origin not in ours:
        raise RefusedError("passkeys sign at the service's own address only")
    return Place(options.public_host, origin)


def _answer(text: str) -> dict[str, Any]:
    if len(text) > MAX_ANSWER:
        raise MalformedError("a passkey's answer is shorter")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise MalformedError("this is not a passkey's answer") from err
    if not isinstance(answer, dict):
        raise MalformedError("this is not a passkey's answer")
    return answer
