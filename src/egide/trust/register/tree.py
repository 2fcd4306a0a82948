"""The Merkle tree of RFC 9162, section 2.1 (the same hashes as RFC 6962): roots, paths, their verification.

Leaves and nodes are SHA-256: a leaf is H(00 || entry), a node H(01 || left || right). A perfect subtree is
named by (height, index) and covers the leaves [index << height, (index + 1) << height). Whoever keeps the
hashes gives them through a `NodeSource`; nothing here does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from egide.errors import MalformedError, ProofError

__all__ = [
    "EMPTY_ROOT", "HASH_SIZE", "MAX_SIZE", "NodeSource", "TreeHead", "consistency_path", "inclusion_path",
    "leaf_hash", "node_hash", "root_from_inclusion", "root_hash", "verify_consistency",
]

HASH_SIZE: Final = 32
MAX_SIZE: Final = 2**63 - 1
EMPTY_ROOT: Final = hashlib.sha256().digest()

NodeSource = Callable[[int, int], bytes]
"""(height, index) -> the 32-byte hash of a perfect subtree that the tree holds whole."""

_sha256 = hashlib.sha256


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a log is at one moment: how many leaves, and their root (32 bytes)."""

    size: int
    root: bytes


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(00 || entry)."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


def root_hash(size: int, nodes: NodeSource) -> bytes:
    """The root of the first `size` leaves (RFC 9162, section 2.1.1).

    Raises:
        MalformedError: `size` is negative or above 2**63 - 1.
    """
    if not 0 <= size <= MAX_SIZE:
        raise MalformedError("a tree's size is out of range")
    return _range_hash(0, size, nodes) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, nodes: NodeSource) -> list[bytes]:
    """The path from leaf `index` to the root of `size` leaves, the leaf's sibling first.

    RFC 9162, section 2.1.3.1.

    Raises:
        MalformedError: the tree has no such leaf.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise MalformedError("the tree has no such leaf")
    path: list[bytes] = []
    for height in range((size - 1).bit_length()):
        sibling = (index >> height) ^ 1
        first = sibling << height
        if first < size:  # else this node has nothing on its right: it is its own parent
            path.append(_range_hash(first, min(1 << height, size - first), nodes))
    return path


def consistency_path(first: int, second: int, nodes: NodeSource) -> list[bytes]:
    """The path that proves that `first` leaves are the beginning of `second` leaves.

    RFC 9162, section 2.1.4.1. Empty when the sizes are equal, and when `first` is 0 (an empty tree begins
    every tree).

    Raises:
        MalformedError: the sizes are out of range, or the second is below the first.
    """
    if not 0 <= first <= second <= MAX_SIZE:
        raise MalformedError("the sizes of a consistency proof are out of order")
    if first == 0:
        return []
    path: list[bytes] = []
    # The subtree at hand; `known`: its root is the first root, which the verifier has.
    begin, count, known = 0, second, True
    while first != count:
        split = 1 << ((count - 1).bit_length() - 1)
        if first <= split:
            path.append(_range_hash(begin + split, count - split, nodes))
            count = split
        else:
            path.append(_range_hash(begin, split, nodes))
            begin, first, count, known = begin + split, first - split, count - split, False
    if not known:
        path.append(_range_hash(begin, count, nodes))
    path.reverse()
    return path


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that `path` leads to from the leaf hash at `index` (RFC 9162, section 2.1.3.2).

    Raises:
        ProofError: the path is not as long as this index and size require.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError("the tree has no such leaf", step="inclusion")
    _require_hashes(leaf, *path)
    node, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofError("the inclusion path is too long", step="inclusion")
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while not node & 1 and node:  # a node with nothing on its right is its own parent
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the inclusion path is too short", step="inclusion")
    return root


def verify_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the tree (`first`, `first_root`) is the beginning of (`second`, `second_root`).

    RFC 9162, section 2.1.4.2; a proof from size 0, or between equal sizes, is empty.

    Raises:
        ProofError: it is not, or the path is not of the length that the sizes require.
    """
    if not 0 <= first <= second <= MAX_SIZE:
        raise ProofError("the sizes of a consistency proof are out of order", step="consistency")
    _require_hashes(first_root, second_root, *path)
    if first in (0, second):
        same = first_root == (second_root if first == second else EMPTY_ROOT)
        if path or not same or (second == 0 and second_root != EMPTY_ROOT):
            raise ProofError("the roots differ, or the proof should be empty", step="consistency")
        return
    hashes = [*path] if first & (first - 1) else [first_root, *path]
    if not hashes:
        raise ProofError("the consistency path is too short", step="consistency")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofError("the consistency path is too long", step="consistency")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last or old != first_root or new != second_root:
        raise ProofError("the older tree is not the beginning of the newer one", step="consistency")


def _require_hashes(*hashes: bytes) -> None:
    if any(len(h) != HASH_SIZE for h in hashes):
        raise ProofError("a hash has 32 bytes", step="form")


def _range_hash(first: int, count: int, nodes: NodeSource) -> bytes:
    """The root of `count` leaves from `first`, a multiple of the power of two that covers `count`."""
    height = (count & -count).bit_length() - 1
    end = first + count - (1 << height)
    result = nodes(height, end >> height)
    while count := count & (count - 1):
        height = (count & -count).bit_length() - 1
        end -= 1 << height
        result = node_hash(nodes(height, end >> height), result)
    return result
