"""Checkpoints are read and verified by sigstore-python's reader, and inclusion paths by its Merkle code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sigstore._internal import merkle
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore._utils import KeyID
from sigstore.errors import VerificationError

from egide.trust.register.checkpoint import VerifierKey

FOLDER = Path(__file__).parents[2] / "vectors"


def vectors(family: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{family}.json").read_text("utf-8"))["vectors"]
    return found


VECTORS = vectors("checkpoints")
GOOD = [pytest.param(v, id=v["name"]) for v in VECTORS if v["expect"] == "ok"]
PATHS = [v for v in vectors("trees") if v["kind"] == "inclusion" and v["expect"] == "ok"]


class Keyring:
    """What sigstore's reader asks of a ring of keys: here, one log's key."""

    def __init__(self, log: VerifierKey) -> None:
        self._log = log

    def verify(self, *, key_id: KeyID, signature: bytes, data: bytes) -> None:
        assert key_id[:4] == self._log.key_id
        try:
            Ed25519PublicKey.from_public_bytes(self._log.public).verify(signature, data)
        except InvalidSignature as err:
            raise VerificationError("invalid signature") from err


def verify(note: bytes, log: VerifierKey) -> SignedCheckpoint:
    signed = SignedCheckpoint.from_text(note.decode())
    keyring: Any = Keyring(log)
    signed.signed_note.verify(keyring, KeyID(log.key_id))
    return signed


@pytest.mark.parametrize("vector", GOOD)
def test_a_checkpoint_is_read_and_verified(vector: dict[str, Any]) -> None:
    """Origin, size and root come out as they went in; the log's line verifies among the others."""
    log = VerifierKey.parse(vector["log"])
    found = verify(bytes.fromhex(vector["note"]), log).checkpoint
    expected = (vector["origin"], vector["size"], vector["root"])
    assert (found.origin, found.log_size, found.log_hash) == expected


@pytest.mark.parametrize("vector", PATHS, ids=lambda v: v["name"])
def test_an_inclusion_path_leads_to_the_same_root(vector: dict[str, Any]) -> None:
    """Their way up the tree and ours end at one hash."""
    leaf, path = bytes.fromhex(vector["leaf"]), [bytes.fromhex(h) for h in vector["path"]]
    inner, border = merkle._decomp_inclusion_proof(vector["index"], vector["size"])
    assert len(path) == inner + border
    below = merkle._chain_inner(leaf, path[:inner], vector["index"])
    assert merkle._chain_border_right(below, path[inner:]).hex() == vector["root"]


def test_a_changed_checkpoint_is_refused() -> None:
    """A size that the log did not sign does not pass."""
    vector = next(v for v in VECTORS if v["name"] == "size-changed")
    with pytest.raises(VerificationError):
        verify(bytes.fromhex(vector["note"]), VerifierKey.parse(vector["log"]))
