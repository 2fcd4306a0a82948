"""COSE Receipts (RFC 9942): the log's signed word that an entry is in its tree, or that its tree only grew.

    receipt     = 18([bstr .cbor protected, {396: proofs}, nil, signature])
    protected   = {1: alg, 4: kid, 15: {1: issuer, 2: log, "size": tree size}, 395: 1}
    proofs      = {-1: [bstr .cbor [size, index, [+ hash]]]}          inclusion
                / {-2: [bstr .cbor [first, second, [+ hash]]]}        consistency

The payload, which is detached, is the root of the tree. RFC 9942 leaves the tree's size unsigned; we sign it
as a claim, so that no byte of a receipt can change unnoticed. One signature serves every receipt of one tree
head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError, ProofError
from egide.trust.cose import ALG, CWT, KID, VDP, VDS, PublicKey, Sign1, Signer, sig_structure
from egide.trust.limits import LIMITS
from egide.trust.register.tree import (
    HASH_SIZE,
    MAX_SIZE,
    TreeHead,
    root_from_inclusion,
    verify_consistency,
)

__all__ = [
    "RFC9162_SHA256", "HeadSigner", "SignedHead", "TreeHead", "VerifiedReceipt", "receipt_log",
    "verify_by_log", "verify_consistency_receipt", "verify_receipt",
]

RFC9162_SHA256: Final = 1
SIZE: Final = "size"
_INCLUSION: Final = -1
_CONSISTENCY: Final = -2
_HEADER_KEYS: Final = [ALG, KID, CWT, VDS]
_CLAIM_KEYS: Final = [1, 2, SIZE]
_HASH_HEAD: Final = b"\x58\x20"  # a byte string of 32


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt that verified says: the entry is leaf `index` of the tree of this size and root."""

    size: int
    index: int
    root: bytes

    @property
    def head(self) -> TreeHead:
        return TreeHead(self.size, self.root)


class HeadSigner:
    """Signs the tree heads of one log.

    Args:
        signer: the log's private key.
        issuer_uri: who runs the log (CWT issuer of the receipts).
        log_uri: the log's own URI (CWT subject of the receipts).
    """

    def __init__(self, signer: Signer, issuer_uri: str, log_uri: str) -> None:
        for uri in (issuer_uri, log_uri):
            if not 0 < len(uri) <= LIMITS.uri:
                raise MalformedError("a log's and an issuer's URI have 1 to 128 characters")
        self._signer = signer
        self._issuer, self._log = issuer_uri, log_uri
        self._kid = signer.public_key.cose_thumbprint()

    def sign(self, head: TreeHead) -> SignedHead:
        """Sign one head, once for all its receipts.

        Raises:
            MalformedError: fewer than two leaves: RFC 9942 has no receipt with an empty path, which is why a
                log begins with a genesis entry.
        """
        if not 2 <= head.size <= MAX_SIZE or len(head.root) != HASH_SIZE:
            raise MalformedError("a log gives receipts from two leaves on")
        header = {
            ALG: self._signer.alg,
            KID: self._kid,
            CWT: {1: self._issuer, 2: self._log, SIZE: head.size},
            VDS: RFC9162_SHA256,
        }
        protected = cbor.encode(header)
        return SignedHead(head, protected, self._signer.sign(sig_structure(protected, head.root)))


class SignedHead:
    """A tree head and the log's signature on it: makes any number of receipts, with no further signature."""

    __slots__ = ("_after", "_before", "_consistency", "_size", "head", "protected", "signature")

    def __init__(self, head: TreeHead, protected: bytes, signature: bytes) -> None:
        self.head, self.protected, self.signature = head, protected, signature
        start = b"\xd2\x84" + cbor.head(cbor.BYTES, len(protected)) + protected
        self._before = start + b"\xa1\x19\x01\x8c\xa1\x20\x81"  # {396: {-1: [
        self._consistency = start + b"\xa1\x19\x01\x8c\xa1\x21\x81"  # {396: {-2: [
        self._after = b"\xf6" + cbor.head(cbor.BYTES, len(signature)) + signature
        self._size = cbor.encode(head.size)

    def receipt(self, index: int, path: Sequence[bytes]) -> bytes:
        """The receipt of leaf `index`, whose inclusion path at this head's size the caller computed."""
        proof = b"\x83" + self._size + cbor.head(cbor.UINT, index) + _hashes(path)
        return self._before + cbor.head(cbor.BYTES, len(proof)) + proof + self._after

    def consistency(self, first: int, path: Sequence[bytes]) -> bytes:
        """The receipt that the tree of `first` leaves is this one's beginning; `path` proves it."""
        proof = b"\x83" + cbor.head(cbor.UINT, first) + self._size + _hashes(path)
        return self._consistency + cbor.head(cbor.BYTES, len(proof)) + proof + self._after


def _hashes(path: Sequence[bytes]) -> bytes:
    """An array of 32-byte strings."""
    if not path:
        raise MalformedError("a receipt's path is not empty")
    return cbor.head(4, len(path)) + _HASH_HEAD + _HASH_HEAD.join(path)


def receipt_log(receipt: bytes) -> str:
    """The URI of the log that a receipt names, unverified: which key to try. Raises MalformedError."""
    claims = Sign1.parse(receipt, limit=LIMITS.receipt, what="receipt").claims
    log = claims.get(2)
    if type(log) is not str or not 0 < len(log) <= LIMITS.uri:
        raise MalformedError("a receipt names its log")
    return log


def verify_receipt(receipt: bytes, leaf: bytes, *, key: PublicKey, log_uri: str) -> VerifiedReceipt:
    """Verify that the log `log_uri`, which signs with `key`, holds the leaf hash `leaf`.

    The steps (RFC 9942, section 5.2.1; docs/spec/register.md, section Receipts):

    1. size and form: a tagged COSE_Sign1 in its one encoding, detached, with one inclusion proof and nothing
       else
    2. protected header: the log's kid, issuer, subject and size, and the tree's kind (vds 1)
    3. the root is computed from the leaf and the path
    4. the signature covers that root

    Raises:
        MalformedError, TooLargeError: step 1.
        ProofError: steps 2 and 3.
        SignatureError: step 4.
    """
    statement = Sign1.parse(receipt, limit=LIMITS.receipt, what="receipt")
    size, index, path = _proof(statement, _INCLUSION, LIMITS.path)
    if size != _signed_size(statement, key, log_uri):
        raise ProofError("the proof is for another size than the one signed", step="header")
    root = root_from_inclusion(leaf, index, size, path)
    statement.verify(key, detached=root)
    return VerifiedReceipt(size, index, root)


def verify_consistency_receipt(
    receipt: bytes, *, old: TreeHead, new: TreeHead, key: PublicKey, log_uri: str
) -> None:
    """Verify the log's word that the tree `new` begins with the tree `old`, which the verifier trusts.

    The signature is checked first, then the proof (RFC 9942, section 5.3.1).

    Raises:
        MalformedError, TooLargeError: form.
        ProofError: header, sizes or path.
        SignatureError: the log did not sign `new`.
    """
    statement = Sign1.parse(receipt, limit=LIMITS.receipt, what="receipt")
    first, second, path = _proof(statement, _CONSISTENCY, LIMITS.consistency)
    if (first, second) != (old.size, new.size) or second != _signed_size(statement, key, log_uri):
        raise ProofError("the proof is for other sizes than the ones asked", step="header")
    statement.verify(key, detached=new.root)
    verify_consistency(old.size, old.root, new.size, new.root, path)


def verify_by_log(statement: Sign1, *, key: PublicKey, log_uri: str, what: str) -> dict[int | str, Any]:
    """Check that a header names this log and key; return its CWT claims. The signature is the caller's step.

    Raises:
        ProofError: kid, issuer or subject is missing, or another's.
        MalformedError: no claims at all.
    """
    if statement.header.get(KID) != key.cose_thumbprint():
        raise ProofError(f"the {what} names another key than the log's", step="header")
    claims = statement.claims
    issuer = claims.get(1)
    if type(issuer) is not str or not 0 < len(issuer) <= LIMITS.uri:
        raise ProofError(f"the {what} names no issuer", step="header")
    if claims.get(2) != log_uri:
        raise ProofError(f"the {what} names another log", step="header")
    return claims


def _signed_size(statement: Sign1, key: PublicKey, log_uri: str) -> Any:
    """The tree's size in the protected header, once the header was checked."""
    header = statement.header
    if list(header) != _HEADER_KEYS or header[VDS] is True or header[VDS] != RFC9162_SHA256:
        raise ProofError("the receipt's header has other entries than the specification's", step="header")
    claims = verify_by_log(statement, key=key, log_uri=log_uri, what="receipt")
    if list(claims) != _CLAIM_KEYS:
        raise ProofError("the receipt's claims are other than the specification's", step="header")
    return claims[SIZE]


def _proof(statement: Sign1, kind: int, most: int) -> tuple[int, int, list[bytes]]:
    """The one proof of a receipt: two sizes (or size and index), and a path of 1 to `most` hashes."""
    if statement.payload is not None:
        raise MalformedError("a receipt's payload is detached")
    match statement.unprotected:
        case {396: {**kinds}} if list(statement.unprotected) == [VDP] and list(kinds) == [kind]:
            pass
        case _:
            raise MalformedError("a receipt's unprotected header is one proof of the kind expected")
    match kinds[kind]:
        case [bytes(proof)]:
            pass
        case _:
            raise MalformedError("a receipt carries one proof")
    match cbor.decode(proof, limit=LIMITS.receipt, what="proof"):
        case [int(a), int(b), [*path]] if type(a) is int and type(b) is int and 0 < len(path) <= most:
            in_range = 0 <= a <= MAX_SIZE and 0 <= b <= MAX_SIZE
            if in_range and all(type(h) is bytes and len(h) == HASH_SIZE for h in path):
                return a, b, path
    raise MalformedError("a proof is [size, index or size, [+ hash of 32 bytes]]")
