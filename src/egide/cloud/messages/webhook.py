"""Text messages and push: one signed HTTPS request to whoever carries them for the operator.

    POST <url>
    content-type: application/json
    egide-time: <seconds since 1970>
    egide-signature: v1=<hex HMAC-SHA256 of "<time>." and the body, by the shared key>

    {"channel": "sms", "id": "<uuid>", "language": "fr", "text": "...", "to": "+33612345678"}

2xx: taken. 400, 404, 410, 422: refused for good. Anything else is tried again, under the same id, so that the other
side can drop what it has. A redirect is not followed.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from egide.cloud.messages.channels import Message, MessageRefusedError, MessageUndeliveredError, tls

__all__ = ["Webhook", "signature"]

TIMEOUT_S: Final = 10.0
_FOR_GOOD: Final = frozenset({400, 404, 410, 422})


def signature(key: bytes, at_s: int, body: bytes) -> str:
    """What the other side computes again before it believes a request."""
    return "v1=" + hmac.digest(key, f"{at_s}.".encode() + body, "sha256").hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One adapter: where it listens and the key that we share."""

    channel: str
    url: str
    key: bytes
    ca: str = ""
    clock: Callable[[], float] = time.time

    def send(self, message: Message) -> None:
        """Raises MessageRefusedError, MessageUndeliveredError."""
        said = {
            "id": message.id, "channel": self.channel, "to": message.to, "text": message.body,
            "language": message.language,
        }  # fmt: skip
        body = json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
        at_s = int(self.clock())
        headers = {
            "content-type": "application/json", "egide-time": str(at_s),
            "egide-signature": signature(self.key, at_s, body),
        }  # fmt: skip
        try:
            with httpx.Client(verify=tls(self.ca), timeout=TIMEOUT_S, trust_env=False) as client:
                status = client.post(self.url, content=body, headers=headers).status_code
        except httpx.HTTPError:
            raise MessageUndeliveredError("http-unreachable") from None
        if status in _FOR_GOOD:
            raise MessageRefusedError(f"http-{status}")
        if not 200 <= status < 300:
            raise MessageUndeliveredError(f"http-{status}")
