"""Whatever bytes a provider sends, what comes out is a believed answer or a refusal of ours: no other exception."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from egide.cloud.federation.claims import kept_claims
from egide.cloud.federation.fetch import Answer
from egide.cloud.federation.jose import decrypt, open_signed, read_keys
from egide.cloud.federation.metadata import read_metadata
from egide.cloud.federation.providers import KINDS
from egide.cloud.federation.tokens import read_logout_token, read_userinfo, verify_id_token
from egide.errors import AssuranceError, ProviderError
from tests.cloud.federation.conftest import PIVOT, PROFESSIONAL, pem_of
from tests.cloud.federation.test_tokens import CLAIMS, EXPECTED, KEYS, LOGOUT, NOW_S, PROVIDER, sign

PEM = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def encoded(header: dict[str, Any], parts: int) -> str:
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return ".".join([head, *["AAAA"] * (parts - 1)])


TOKENS = (
    st.text(max_size=60)
    | st.lists(st.from_regex(r"[A-Za-z0-9_-]{0,40}", fullmatch=True), min_size=1, max_size=6).map(".".join)
    | st.builds(
        encoded,
        st.fixed_dictionaries(
            {"alg": st.sampled_from(["RS256", "ES256", "RSA-OAEP", "ECDH-ES", "none"]) | VALUES},
            optional={
                "kid": st.sampled_from(["one", "two"]) | VALUES,
                "enc": st.sampled_from(["A256GCM", "A128CBC-HS256"]) | VALUES,
                "crit": VALUES, "epk": VALUES, "typ": VALUES, "p2c": VALUES,
            },
        ),
        st.sampled_from([3, 5]),
    )
)  # fmt: skip


USES: list[Callable[[str], object]] = [lambda token: open_signed(token, KEYS), lambda token: decrypt(token, PEM)]


@pytest.mark.parametrize("use", USES, ids=["signed", "encrypted"])
@given(token=TOKENS)
@settings(max_examples=150)
def test_any_token_is_refused_by_us(use: Callable[[str], object], token: str) -> None:
    """Nothing that was not signed is believed, and no decoder's own exception comes through."""
    with pytest.raises(ProviderError):
        use(token)


@given(data=st.binary(max_size=80) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=150)
def test_any_document_is_refused_by_us(data: bytes) -> None:
    """Configuration, keys and userinfo."""
    with suppress(ProviderError):
        read_keys(data)
    for use in (
        lambda: read_metadata(PROVIDER, data),
        lambda: read_userinfo(PROVIDER, Answer(status=200, kind="application/json", body=data), KEYS, "nobody at all"),
        lambda: read_userinfo(PROVIDER, Answer(status=200, kind="application/jwt", body=data), KEYS, "nobody at all"),
    ):
        with pytest.raises(ProviderError):
            use()


@given(name=st.sampled_from(sorted({*CLAIMS, *LOGOUT, "azp", "nbf", "at_hash"})), value=VALUES)
@settings(max_examples=150, deadline=None)
def test_any_value_of_any_claim_is_believed_or_refused(name: str, value: object) -> None:
    """A signed token with one odd claim."""
    with suppress(ProviderError, AssuranceError):
        verify_id_token(PROVIDER, sign(CLAIMS | {name: value}), KEYS, EXPECTED)
    with suppress(ProviderError):
        read_logout_token(PROVIDER, sign(LOGOUT | {name: value}), KEYS, now_s=NOW_S)


NAMES = sorted({*PROFESSIONAL, *PIVOT})


@given(key=st.sampled_from(["psc", "franceconnect"]), name=st.sampled_from(NAMES), value=VALUES)
@settings(max_examples=150)
def test_any_claim_of_a_person_is_read_or_refused(key: str, name: str, value: object) -> None:
    """Of professionals and citizens."""
    with suppress(ProviderError):
        kept_claims(replace(PROVIDER, key=key, kind=KINDS[key]), {**PROFESSIONAL, **PIVOT, name: value})
