"""The first entry of a log: only the platform says it, and it says one log and one log before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from egide import cbor
from egide.errors import (
    CertificateExpiredError,
    EgideError,
    IdentityError,
    MalformedError,
    ProofError,
    SignatureError,
)
from egide.trust.cose import CONTENT_TYPE, CWT, X5T, Sign1, sign1
from egide.trust.genesis import JOURNAL_TYPE, Previous, genesis_facts, verify_genesis
from tests.support.proofs import DAY_MS, LOG_2, PLATFORM, START_MS, World, ed25519_signer

WORLD = World()
LOG = WORLD.log_anchor()
PREVIOUS = Previous(origin="egide/log/old", uri=f"urn:uuid:{LOG_2}", size=12, root=b"\x07" * 32)
ROOTS = (WORLD.ca.root,)
AT_MS = START_MS + DAY_MS


@pytest.mark.parametrize("previous", [None, PREVIOUS])
def test_a_genesis_statement_is_read_back(previous: Previous | None) -> None:
    """What was signed is what is understood."""
    epoch = WORLD.epoch(LOG, previous)
    genesis = verify_genesis(epoch.statement, epoch.chain, ROOTS)
    assert (genesis.log, genesis.previous, genesis.at_ms) == (LOG, previous, AT_MS)


def statement(facts: dict[str, Any] | None = None, **other: Any) -> bytes:
    """A genesis statement with parts replaced."""
    header: dict[int | str, Any] = {
        CONTENT_TYPE: JOURNAL_TYPE,
        CWT: {1: f"urn:uuid:{PLATFORM}", 2: LOG.uri, 6: AT_MS // 1000, 7: bytes(16)},
        X5T: [-16, hashlib.sha256(WORLD.platform_chain[0]).digest()],
    }
    said = {**genesis_facts(LOG, PREVIOUS), **(facts or {})}
    payload = cbor.encode(other.get("payload") or ["genesis", AT_MS, said, None])
    return sign1({**header, **other.get("header", {})}, payload, other.get("signer", WORLD.platform))


def claims(issuer: str, subject: str) -> bytes:
    return statement(header={CWT: {1: issuer, 2: subject}})


def after(*previous: Any) -> bytes:
    return statement({"previous": list(previous)})


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda: statement(header={4: b"kid"}), MalformedError, id="header-more"),
        pytest.param(lambda: Sign1.parse(statement()).encode({4: b"kid"}), MalformedError, id="unprotected"),
        pytest.param(lambda: statement(header={CONTENT_TYPE: "text/plain"}), ProofError, id="type"),
        pytest.param(lambda: statement(header={X5T: [-16, bytes(32)]}), ProofError, id="certificate"),
        pytest.param(lambda: claims(LOG.uri, LOG.uri), ProofError, id="issuer"),
        pytest.param(lambda: claims(f"urn:uuid:{PLATFORM}", PREVIOUS.uri), ProofError, id="subject"),
        pytest.param(lambda: statement(header={CWT: b""}), MalformedError, id="claims"),
        pytest.param(lambda: after(LOG.origin, LOG.uri, 1, bytes(32)), ProofError, id="follows-itself"),
        pytest.param(lambda: after("x", PREVIOUS.uri, 0, bytes(32)), MalformedError, id="size-0"),
        pytest.param(lambda: after("x", PREVIOUS.uri, 1, b""), MalformedError, id="root-short"),
        pytest.param(lambda: statement({"previous": 1}), MalformedError, id="previous"),
        pytest.param(lambda: statement({"more": 1}), MalformedError, id="facts-more"),
        pytest.param(lambda: statement({"key": b"short"}), MalformedError, id="key-short"),
        pytest.param(lambda: statement(payload=["access", AT_MS, {}, None]), MalformedError, id="kind"),
        pytest.param(
            lambda: statement(payload=["genesis", True, genesis_facts(LOG, None), None]),
            MalformedError,
            id="time",
        ),
        pytest.param(lambda: statement(signer=ed25519_signer()), SignatureError, id="signature"),
        pytest.param(lambda: b"", MalformedError, id="empty"),
    ],
)
def test_a_genesis_statement_of_another_form_is_refused(
    make: Callable[[], bytes], error: type[EgideError]
) -> None:
    """Each part has its own refusal."""
    with pytest.raises(error):
        verify_genesis(make(), WORLD.platform_chain, ROOTS)


def test_a_genesis_statement_needs_a_platform_of_the_trusted_ca() -> None:
    """Not an object's certificate, not another CA's, not one out of force, not none."""
    epoch = WORLD.epoch(LOG, PREVIOUS)
    with pytest.raises(IdentityError):
        verify_genesis(epoch.statement, epoch.chain, (World().ca.root,))
    with pytest.raises(MalformedError):
        verify_genesis(epoch.statement, (), ROOTS)
    posing = replace(WORLD, platform_chain=WORLD.ca.object(WORLD.platform.public_key)).epoch(LOG, PREVIOUS)
    with pytest.raises(IdentityError):
        verify_genesis(posing.statement, posing.chain, ROOTS)
    late = WORLD.epoch(LOG, PREVIOUS, at_ms=START_MS + 400 * DAY_MS)
    with pytest.raises(CertificateExpiredError):
        verify_genesis(late.statement, late.chain, ROOTS)
