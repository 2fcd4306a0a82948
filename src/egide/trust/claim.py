"""A claim's ticket: the line of text, or QR code, that lets one object enrol once (docs/spec/enrolment.md).

    egide:enrol?u=https://host:8443&ca=<43 characters>&c=<uuid>&k=<32 characters>

`u` is the objects' listener, `ca` the SHA-256 of the CA root's public key (base64url, no padding), `c` the
claim's id, `k` the one-time code of 160 random bits (base32, lower case). Every part is there once, in this
order, and nothing is percent-encoded: what a parser accepts, `text()` gives back.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from egide.errors import MalformedError, decoding

__all__ = ["CODE_BYTES", "ClaimTicket", "code_hash", "code_text", "parse_code"]

CODE_BYTES: Final = 20
_MAX_TEXT: Final = 512
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_HOST: Final = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
_URL: Final = re.compile(rf"https://{_HOST}(?::([1-9][0-9]{{0,4}}))?", re.ASCII)
_TICKET: Final = re.compile(
    rf"egide:enrol\?u=([^&]{{1,300}})&ca=([A-Za-z0-9_-]{{43}})&c=({_UUID})&k=([a-z2-7]{{32}})", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTicket:
    """What an object needs to enrol. The code is a secret: it is in no repr and in no message."""

    url: str  # https://host[:port], of the objects' listener
    ca_sha256: bytes  # of the CA root's SubjectPublicKeyInfo
    claim_id: str  # UUID
    code: bytes = field(repr=False)  # 20 random bytes

    def __post_init__(self) -> None:
        """Raises MalformedError when the ticket could not be read back."""
        port = _URL.fullmatch(self.url)
        if port is None or int(port[1] or 1) > 65535:
            raise MalformedError("a claim's address must be https://host:port")
        if len(self.ca_sha256) != 32 or len(self.code) != CODE_BYTES:
            raise MalformedError("a claim's key hash has 32 bytes and its code 20")
        if re.fullmatch(_UUID, self.claim_id) is None:
            raise MalformedError("a claim's id is a lower-case UUID")

    def text(self) -> str:
        pin = base64.urlsafe_b64encode(self.ca_sha256).rstrip(b"=").decode()
        return f"egide:enrol?u={self.url}&ca={pin}&c={self.claim_id}&k={code_text(self.code)}"

    @classmethod
    def parse(cls, text: str) -> ClaimTicket:
        """Read what was typed or scanned; white space around it is dropped. Raises MalformedError."""
        found = _TICKET.fullmatch(text.strip()) if len(text) <= _MAX_TEXT else None
        if found is None:
            raise MalformedError("this is not a claim: egide:enrol?u=...&ca=...&c=...&k=...")
        url, pin, claim_id, code = found.groups()
        with decoding("a claim"):
            digest = base64.urlsafe_b64decode(pin + "=")
            ticket = cls(url=url, ca_sha256=digest, claim_id=claim_id, code=parse_code(code))
        if ticket.text() != text.strip():
            raise MalformedError("a claim's key hash is not in its shortest form")
        return ticket


def code_text(code: bytes) -> str:
    """32 characters of base32 (RFC 4648, section 6), lower case: what a person can type."""
    return base64.b32encode(code).decode().lower()


def parse_code(text: str) -> bytes:
    """The 20 bytes of a code; capitals are accepted. Raises MalformedError."""
    if re.fullmatch(r"[A-Za-z2-7]{32}", text, re.ASCII) is None:
        raise MalformedError("a claim's code has 32 characters of base32")
    return base64.b32decode(text.upper())


def code_hash(code: bytes) -> bytes:
    """What the cloud keeps of a code: SHA-256, enough for 160 random bits."""
    return hashlib.sha256(code).digest()
