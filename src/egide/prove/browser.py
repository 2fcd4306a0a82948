"""Somebody in front of the pages: a browser without a screen, from an address, a passkey and a code app of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from typing import Any, Final

import httpx

from egide.prove.arena import Arena
from egide.prove.authenticator import Passkey

__all__ = ["TOKEN", "Browser", "digits", "lasting"]

TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_SECRET: Final = re.compile(r"<code[^>]*>([A-Z2-7 ]{32,})</code>")
_STEP_S: Final = 30
_PASSING: Final = re.compile(
    r"(csrfmiddlewaretoken|name=\"form)\" value=\"[^\"]+"
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9]{13,19}\b|data-left=.[0-9]+"
    r"|entry [0-9]+( of [0-9]+)?|proof-[0-9]+|\"(issued|lastUpdated|recorded)\": ?\"[^\"]+|[0-9]+\.[0-9]+"
    r"|\b[0-9]{2}:[0-9]{2}(:[0-9]{2})?|_cursor=[A-Za-z0-9_%:-]+"
)


class Browser(httpx.Client):
    """Redirects are looked at, not followed. `source`: the address of this machine that it comes from."""

    def __init__(self, arena: Arena, *, source: str = "", at: str = "", **more: Any) -> None:
        headers = {"accept-language": "en", **more.pop("headers", {})}
        if source:
            more["transport"] = httpx.HTTPTransport(local_address=source)
        super().__init__(base_url=at or arena.instance.people_url, headers=headers, trust_env=False, timeout=30, **more)
        self._arena = arena
        arena.closing(self)

    def submit(self, path: str, *, page: str = "", **fields: str) -> httpx.Response:
        """Send a form as its own page does, with that page's token."""
        found = TOKEN.search(self.get(page or path).text)
        token = {"csrfmiddlewaretoken": found[1]} if found else {}
        return self.post(path, data={**token, **fields})

    def sign_in(self, who: str, **fields: str) -> httpx.Response:
        """By a one-time link, as the operator's command prints it."""
        link = self._arena.instance.run("person", "link", who).stdout.strip()
        return self.submit("/sign-in", code=link.rpartition("#")[2], **fields)

    def signed_in(self) -> bool:
        return self.get("/security").status_code == 200

    def session(self) -> str:
        """The cookie that says who this is."""
        names = {"sessionid", "__Host-sessionid"}
        return next((str(c.value) for c in self.cookies.jar if c.name in names), "")

    def enrol_passkey(self) -> Passkey:
        """Make a passkey in the session that is open, and sign for the recovery codes."""
        key = Passkey(origin=str(self.base_url).rstrip("/"))
        asked = self.submit("/security/passkeys/options", page="/security").text
        self.submit("/security/passkeys", page="/security", credential=key.make(asked), name="phone")
        self.submit("/security/codes")
        return key

    def enrol_app(self) -> str:
        """Set up a code app in the session that is open; its secret."""
        found = _SECRET.search(self.get("/security/app").text)
        secret = found[1].replace(" ", "") if found else ""
        self.submit("/security/app", code=digits(secret, step=-1))
        self.submit("/security/codes")
        return secret

    def ask_passkey(self) -> str:
        """What the sign-in page asks of a passkey, as JSON."""
        return self.submit("/sign-in/passkey/options", page="/sign-in").text

    def show_passkey(self, answer: str) -> httpx.Response:
        """Give the sign-in page a passkey's answer."""
        return self.submit("/sign-in/passkey", page="/sign-in", credential=answer)

    def confirm(self, key: Passkey) -> httpx.Response:
        """The factor again, for what widens."""
        asked = self.submit("/security/confirm/options", page="/security/confirm").text
        return self.submit("/security/confirm", credential=key.use(asked))


def lasting(page: str) -> str:
    """A page without what differs between any two: tokens, ids, numbers of entries, instants, places on a curve."""
    return _PASSING.sub("*", page)


def digits(secret: str, *, step: int = 0) -> str:
    """What a code app shows now (RFC 6238), or `step` half minutes from now."""
    counter = struct.pack(">Q", int(time.time()) // _STEP_S + step)
    mac = hmac.digest(base64.b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1)
    number = struct.unpack(">I", mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
