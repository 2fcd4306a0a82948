"""Receipts: one signature per tree head, every byte of a receipt bound by it."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from egide import cbor
from egide.errors import EgideError, MalformedError, ProofError, SignatureError, TooLargeError
from egide.trust.cose import Sign1, SoftwareSigner, sig_structure
from egide.trust.register.receipt import (
    HeadSigner,
    SignedHead,
    VerifiedReceipt,
    receipt_log,
    verify_consistency_receipt,
    verify_receipt,
)
from egide.trust.register.tiles import Appender, TileNodes
from egide.trust.register.tree import TreeHead, consistency_path, inclusion_path, leaf_hash, root_hash

LOG = "urn:uuid:6fa459ea-ee8a-4ca4-894e-db77e160355e"
ISSUER = "urn:uuid:1b4e28ba-2fa1-41d2-883f-0016d3cca427"
SIGNER = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"l" * 32))
MALLORY = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"m" * 32))
HEADS = HeadSigner(SIGNER, ISSUER, LOG)
LEAVES = [leaf_hash(f"entry {i}".encode()) for i in range(300)]


@dataclass(frozen=True)
class Grown:
    """A tree of the first `size` leaves."""

    size: int

    @functools.cached_property
    def nodes(self) -> TileNodes:
        tiles = Appender(0, lambda *_: b"").append(LEAVES[: self.size]).changed
        return TileNodes(lambda level, n: tiles[level, n])

    @property
    def head(self) -> TreeHead:
        return TreeHead(self.size, root_hash(self.size, self.nodes))

    def receipt(self, index: int, heads: HeadSigner = HEADS) -> bytes:
        return heads.sign(self.head).receipt(index, inclusion_path(index, self.size, self.nodes))

    def verify(self, receipt: bytes, index: int) -> VerifiedReceipt:
        return verify_receipt(receipt, LEAVES[index], key=SIGNER.public_key, log_uri=LOG)


TREE = Grown(7)
GOOD = TREE.receipt(4)


@given(data=st.data(), size=st.integers(2, 300))
def test_every_leaf_of_every_tree_has_its_receipt(data: st.DataObject, size: int) -> None:
    """It says size, index and root, and only of that leaf."""
    index, tree = data.draw(st.integers(0, size - 1)), Grown(size)
    found = tree.verify(tree.receipt(index), index)
    assert (found.index, found.head) == (index, tree.head)
    with pytest.raises(SignatureError):
        tree.verify(tree.receipt(index), (index + 1) % size)


@given(size=st.integers(2, 2**63 - 1), index=st.integers(0, 2**62), length=st.integers(1, 64))
def test_receipts_assembled_by_hand_are_the_encoder_s(size: int, index: int, length: int) -> None:
    """The fast way writes what the CBOR library writes, for every length of integer and array."""
    head = TreeHead(size, bytes(32))
    path = [hashlib.sha256(bytes((i,))).digest() for i in range(length)]
    receipt, consistency = HEADS.sign(head).receipt(index, path), HEADS.sign(head).consistency(index, path)
    statement = Sign1.parse(receipt, limit=8192)
    assert statement.unprotected == {396: {-1: [cbor.encode([size, index, path])]}}
    assert statement.encode() == receipt
    other = Sign1.parse(consistency, limit=8192)
    assert other.unprotected == {396: {-2: [cbor.encode([index, size, path])]}}
    assert (other.encode(), other.protected, other.payload) == (consistency, statement.protected, None)


def test_one_signature_serves_all_receipts_of_a_head() -> None:
    """Receipts of one head differ in their proof alone."""
    first, second = Sign1.parse(TREE.receipt(0)), Sign1.parse(TREE.receipt(6))
    assert (first.protected, first.signature) == (second.protected, second.signature)


def test_no_byte_of_a_receipt_can_change() -> None:
    """Whatever byte is altered, and however, it is refused, and only ever by our errors."""
    for position, byte in enumerate(GOOD):
        for value in {0, 0xFF, byte ^ 1, byte ^ 0x20, byte ^ 0x80} - {byte}:
            with pytest.raises(EgideError):
                TREE.verify(GOOD[:position] + bytes((value,)) + GOOD[position + 1 :], 4)


@given(data=st.binary(max_size=200))
def test_noise_is_refused_by_our_errors_alone(data: bytes) -> None:
    """Untrusted bytes never raise anything else."""
    for receipt in (data, GOOD[:20] + data, GOOD[: len(GOOD) // 2] + data):
        with pytest.raises(EgideError):
            TREE.verify(receipt, 4)


def signed(signer: Any = SIGNER, **changes: Any) -> bytes:
    """The receipt of leaf 4 of 7, with header entries changed (None leaves one out) and rightly signed."""
    header: dict[int | str, Any] = {
        1: -8, 4: SIGNER.public_key.cose_thumbprint(), 15: {1: ISSUER, 2: LOG, "size": 7}, 395: 1,
    }
    header.update({int(key[1:]): value for key, value in changes.items()})
    protected = cbor.encode({key: value for key, value in header.items() if value is not None})
    head = SignedHead(TREE.head, protected, signer.sign(sig_structure(protected, TREE.head.root)))
    return head.receipt(4, inclusion_path(4, 7, TREE.nodes))


def test_the_modern_algorithm_identifier_is_read() -> None:
    """-19 says Ed25519 as -8 does (RFC 9864)."""
    assert TREE.verify(signed(_1=-19), 4).head == TREE.head


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"_395": None}, ProofError, id="no-vds"),
        pytest.param({"_395": 2}, ProofError, id="another-vds"),
        pytest.param({"_395": True}, ProofError, id="vds-true"),
        pytest.param({"_2": [395]}, ProofError, id="crit"),
        pytest.param({"_4": None}, ProofError, id="no-kid"),
        pytest.param({"_4": bytes(32)}, ProofError, id="another-kid"),
        pytest.param({"_15": None}, ProofError, id="no-claims"),
        pytest.param({"_15": []}, MalformedError, id="claims-not-a-map"),
        pytest.param({"_15": {1: ISSUER, 2: LOG}}, ProofError, id="no-size"),
        pytest.param({"_15": {1: ISSUER, 2: LOG, "size": 8}}, ProofError, id="another-size"),
        pytest.param({"_15": {1: ISSUER, "size": 7}}, ProofError, id="no-log"),
        pytest.param({"_15": {1: ISSUER, 2: ISSUER, "size": 7}}, ProofError, id="another-log"),
        pytest.param({"_15": {2: LOG, "size": 7}}, ProofError, id="no-issuer"),
        pytest.param({"_15": {1: "", 2: LOG, "size": 7}}, ProofError, id="empty-issuer"),
        pytest.param({"_15": {1: "x" * 129, 2: LOG, "size": 7}}, ProofError, id="long-issuer"),
        pytest.param({"_1": -7}, SignatureError, id="another-algorithm"),
        pytest.param({"_1": None}, ProofError, id="no-algorithm"),
    ],
)
def test_a_header_that_is_not_the_specification_s_is_refused(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    """Even when the log itself signed it."""
    with pytest.raises(error):
        TREE.verify(signed(**changes), 4)


def with_proof(unprotected: Any, payload: bytes | None = None) -> bytes:
    good = Sign1.parse(GOOD)
    return Sign1(good.protected, {}, unprotected, payload, good.signature).encode()


def proofs(*values: Any) -> Any:
    return {396: {-1: [cbor.encode(value) for value in values]}}


PATH = inclusion_path(4, 7, TREE.nodes)


@pytest.mark.parametrize(
    "unprotected",
    [
        pytest.param({}, id="no-proof"),
        pytest.param({396: []}, id="proofs-not-a-map"),
        pytest.param({396: {}}, id="no-kind"),
        pytest.param({396: {-2: [cbor.encode([7, 4, PATH])]}}, id="another-kind"),
        pytest.param({396: {-1: []}}, id="none-of-the-kind"),
        pytest.param({396: {-1: [[7, 4, PATH]]}}, id="proof-not-a-byte-string"),
        pytest.param({**proofs([7, 4, PATH]), 395: 1}, id="vds-unprotected"),
        pytest.param(proofs([7, 4, PATH], [7, 4, PATH]), id="two-proofs"),
        pytest.param(proofs([7, 4]), id="no-path"),
        pytest.param(proofs([7, 4, []]), id="empty-path"),
        pytest.param(proofs([7, 4, [bytes(32)] * 65]), id="path-of-65"),
        pytest.param(proofs([7, 4, [bytes(31)]]), id="hash-of-31-bytes"),
        pytest.param(proofs([7, -1, PATH]), id="negative-index"),
        pytest.param(proofs([2**63, 4, PATH]), id="size-of-64-bits"),
        pytest.param(proofs([True, 4, PATH]), id="size-true"),
        pytest.param(proofs([7, False, PATH]), id="index-false"),
    ],
)
def test_a_proof_of_another_form_is_refused(unprotected: Any) -> None:
    """The proof is not signed, so its one form is required."""
    with pytest.raises(MalformedError):
        TREE.verify(with_proof(unprotected), 4)


def test_a_receipt_with_its_payload_attached_is_refused() -> None:
    """Nothing would tie those bytes to the leaf."""
    with pytest.raises(MalformedError):
        TREE.verify(with_proof(proofs([7, 4, PATH]), TREE.head.root), 4)


def test_a_receipt_that_is_too_large_is_refused_before_it_is_read() -> None:
    """8,192 bytes at most."""
    with pytest.raises(TooLargeError):
        TREE.verify(b"\xd2" + bytes(8193), 4)


def test_another_signer_s_receipt_is_refused() -> None:
    """Mallory's log is not the log that was pinned."""
    with pytest.raises(SignatureError):
        TREE.verify(signed(MALLORY), 4)
    with pytest.raises(ProofError):
        TREE.verify(TREE.receipt(4, HeadSigner(MALLORY, ISSUER, LOG)), 4)


def test_a_receipt_says_which_log_to_look_for() -> None:
    """Before its key is known: unverified, and refused when it names none."""
    assert receipt_log(GOOD) == LOG
    with pytest.raises(MalformedError):
        receipt_log(signed(_15={1: ISSUER, "size": 7}))
    with pytest.raises(MalformedError):
        receipt_log(signed(_15={1: ISSUER, 2: "", "size": 7}))


@pytest.mark.parametrize(
    "head",
    [TreeHead(0, bytes(32)), TreeHead(1, bytes(32)), TreeHead(2, bytes(31)), TreeHead(2**63, bytes(32))],
)
def test_a_head_without_a_conformant_receipt_is_not_signed(head: TreeHead) -> None:
    """A tree of one leaf has an empty path, which RFC 9942 forbids: a log begins with a genesis entry."""
    with pytest.raises(MalformedError):
        HEADS.sign(head)


def test_a_receipt_needs_a_path_and_a_log_a_name() -> None:
    """What could not be read back is not written."""
    with pytest.raises(MalformedError):
        HEADS.sign(TREE.head).receipt(0, [])
    for issuer, log in (("", LOG), (ISSUER, "x" * 129)):
        with pytest.raises(MalformedError):
            HeadSigner(SIGNER, issuer, log)


def growth(first: int, second: int) -> tuple[bytes, TreeHead, TreeHead]:
    """A consistency receipt, and the two heads it ties together."""
    new = Grown(second)
    old = TreeHead(first, root_hash(first, new.nodes))
    receipt = HEADS.sign(new.head).consistency(first, consistency_path(first, second, new.nodes))
    return receipt, old, new.head


@given(data=st.data(), second=st.integers(2, 300))
def test_growth_has_its_receipt(data: st.DataObject, second: int) -> None:
    """It ties the head signed now to any older one, and to no other."""
    first = data.draw(st.integers(1, second - 1))
    receipt, old, new = growth(first, second)
    key = SIGNER.public_key
    verify_consistency_receipt(receipt, old=old, new=new, key=key, log_uri=LOG)
    with pytest.raises(ProofError):
        verify_consistency_receipt(receipt, old=TreeHead(first, bytes(32)), new=new, key=key, log_uri=LOG)
    with pytest.raises(SignatureError):
        verify_consistency_receipt(receipt, old=old, new=TreeHead(second, bytes(32)), key=key, log_uri=LOG)
    with pytest.raises(ProofError):
        verify_consistency_receipt(receipt, old=TreeHead(first + 1, old.root), new=new, key=key, log_uri=LOG)


def test_an_inclusion_receipt_proves_no_growth() -> None:
    """The two kinds are told apart before anything else."""
    _, old, new = growth(4, 7)
    with pytest.raises(MalformedError):
        verify_consistency_receipt(GOOD, old=old, new=new, key=SIGNER.public_key, log_uri=LOG)


def test_a_log_may_sign_with_a_p256_key() -> None:
    """Nothing in a receipt but its algorithm depends on the kind of key."""
    signer = SoftwareSigner(ec.derive_private_key(1234567, ec.SECP256R1()))
    receipt = TREE.receipt(4, HeadSigner(signer, ISSUER, LOG))
    assert verify_receipt(receipt, LEAVES[4], key=signer.public_key, log_uri=LOG).index == 4
