"""A register small enough to hold in the hand: real hashes, real signatures, no database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from egide.trust.anchors import LogAnchor
from egide.trust.answer import encode_receipt_answer, encode_refusal_answer, sign_refusal
from egide.trust.cose import SoftwareSigner
from egide.trust.envelope import leaf_hash
from egide.trust.register.checkpoint import sign_checkpoint
from egide.trust.register.receipt import HeadSigner, TreeHead
from egide.trust.register.tree import consistency_path, inclusion_path, node_hash, root_hash

SECRET = b"s" * 32
NOW = 1_800_000_000_000


@dataclass
class SimLog:
    """A log whose leaves are whatever is appended; `n` makes its key and its name."""

    n: int = 1
    leaves: list[bytes] = field(default_factory=lambda: [leaf_hash(b"genesis")])

    @property
    def signer(self) -> SoftwareSigner:
        return SoftwareSigner(Ed25519PrivateKey.from_private_bytes(bytes([self.n]) * 32))

    @property
    def uuid(self) -> str:
        return str(UUID(int=self.n))

    @property
    def uri(self) -> str:
        return f"urn:uuid:{self.uuid}"

    @property
    def anchor(self) -> LogAnchor:
        return LogAnchor(
            origin=f"egide/log/{self.uuid}", uri=self.uri, public=self.signer.public_key.raw_ed25519
        )

    def _node(self, height: int, index: int) -> bytes:
        if height == 0:
            return self.leaves[index]
        return node_hash(self._node(height - 1, 2 * index), self._node(height - 1, 2 * index + 1))

    def append(self, envelope: bytes) -> int:
        self.leaves.append(leaf_hash(envelope))
        return len(self.leaves) - 1

    def head(self, size: int | None = None) -> TreeHead:
        size = len(self.leaves) if size is None else size
        return TreeHead(size, root_hash(size, self._node))

    def receipt(self, index: int, size: int | None = None) -> bytes:
        head = self.head(size)
        signed = HeadSigner(self.signer, self.uri, self.uri).sign(head)
        return signed.receipt(index, inclusion_path(index, head.size, self._node))

    def answer(self, envelope: bytes) -> bytes:
        """Register an envelope and answer it, as intake does."""
        index = self.append(envelope)
        return encode_receipt_answer(hashlib.sha256(envelope).digest(), self.receipt(index))

    def refusal(self, envelope: bytes, code: str = "malformed", *, retryable: bool = False) -> bytes:
        digest = hashlib.sha256(envelope).digest()
        signed = sign_refusal(
            self.signer, log_uri=self.uri, digest=digest, code=code, retryable=retryable, iat=NOW // 1000
        )
        return encode_refusal_answer(digest, signed)

    def paths(self, sizes: Sequence[int]) -> dict[tuple[int, int], list[bytes]]:
        found = [(a, b) for a, b in pairwise(sizes) if b <= len(self.leaves)]
        return {(a, b): consistency_path(a, b, self._node) for a, b in found}

    def checkpoint(self) -> bytes:
        return sign_checkpoint(self.head(), origin=self.anchor.origin, signer=self.signer)
