"""What the tests of hostile providers do: press our button, come back with an answer, and look at what it opened."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from egide.cloud.federation import flow
from egide.cloud.federation.providers import Assurance
from tests.support.hostile_openid import Hostile


def identity(hostile: Hostile, sub: str = "bob", rpps: str = "99700218896") -> flow.Identity:
    return flow.Identity(
        provider="psc", issuer=hostile.issuer, sub=sub, sid="", assurance=Assurance.LOW, id_token="",
        claims={"rpps": rpps, "professions": ["10"], "sectors": []},
    )  # fmt: skip


def begin(client: Client, key: str = "psc") -> dict[str, str]:
    """Press our button; the parameters that the provider is given."""
    answer = client.post(f"/federation/{key}/sign-in")
    found = re.search(r'content="0;url=([^"]+)"', answer.content.decode())
    assert found is not None, answer.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(html.unescape(found[1])).query).items()}


def come_back(client: Client, hostile: Hostile, asked: dict[str, str], **answer: str) -> Any:
    hostile.nonce = asked["nonce"]
    return client.get(
        "/federation/psc/callback", {"code": "c-1", "state": asked["state"], "iss": hostile.issuer, **answer}
    )


def whole(client: Client, hostile: Hostile) -> Any:
    return come_back(client, hostile, begin(client))


def refused(client: Client, answer: Any, code: str) -> None:
    if answer.status_code == 302:
        assert answer.headers["Location"] == f"/federation/problem/{code}"
        answer = client.get(answer.headers["Location"])
    assert answer.status_code in (400, 403, 503), answer
    assert code in answer.content.decode()
    assert "_auth_user_id" not in client.session
