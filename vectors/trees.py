"""The vectors of the register: trees, tiles, receipts, checkpoints, witness."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from world import LOG_SIGNER, LOG_URI, MALLORY, ORIGIN, OTHER_LOG, URN, WITNESS_SIGNER, Tree, bytes_of

from egide import cbor
from egide.trust.cose import Sign1, sig_structure
from egide.trust.register.checkpoint import (
    COSIGNATURE,
    LOG,
    Checkpoint,
    NoteSignature,
    SignedNote,
    VerifierKey,
    cosign,
    sign_checkpoint,
)
from egide.trust.register.receipt import HeadSigner, SignedHead
from egide.trust.register.tiles import tile_path, tiles_of
from egide.trust.register.tree import (
    EMPTY_ROOT,
    TreeHead,
    consistency_path,
    inclusion_path,
    root_hash,
)
from egide.trust.register.witness import encode_add_checkpoint

Vectors = Iterator[dict[str, Any]]
_HEADS = HeadSigner(LOG_SIGNER, LOG_URI, LOG_URI)
_KEY = LOG_SIGNER.public_key.spki.hex()
LOG_KEY = VerifierKey(name=ORIGIN, kind=LOG, public=LOG_SIGNER.public_key.raw_ed25519)
WITNESS_KEY = VerifierKey(
    name="witness.example/w1", kind=COSIGNATURE, public=WITNESS_SIGNER.public_key.raw_ed25519
)


_LEAVES = ((0, 1), (0, 2), (1, 2), (2, 3), (4, 7), (6, 7), (0, 8), (255, 257), (256, 257), (130, 260))
_SIZES = ((0, 5), (5, 5), (1, 2), (2, 3), (4, 8), (6, 7), (7, 8), (255, 256), (256, 260), (129, 257))


def _hex(hashes: list[bytes]) -> list[str]:
    return [h.hex() for h in hashes]


def trees() -> Vectors:
    tree = Tree(260)
    for size in (0, 1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 257, 260):
        root = root_hash(size, tree.nodes) if size else EMPTY_ROOT
        yield {"name": f"root-{size}", "kind": "root", "expect": "ok", "size": size, "root": root.hex()}
    for index, size in _LEAVES:
        path = inclusion_path(index, size, tree.nodes)
        vector = {
            "kind": "inclusion", "leaf": tree.leaves[index].hex(), "index": index, "size": size,
            "root": root_hash(size, tree.nodes).hex(),
        }
        yield {"name": f"inclusion-{index}-of-{size}", "expect": "ok", **vector, "path": _hex(path)}
        yield {
            "name": f"inclusion-{index}-of-{size}-too-long", "expect": "proof-invalid", **vector,
            "path": _hex([*path, bytes(32)]),
        }
        if path:
            yield {
                "name": f"inclusion-{index}-of-{size}-too-short", "expect": "proof-invalid", **vector,
                "path": _hex(path[:-1]),
            }
    for first, second in _SIZES:
        path = consistency_path(first, second, tree.nodes)
        old = root_hash(first, tree.nodes) if first else EMPTY_ROOT
        vector = {
            "kind": "consistency", "first": first, "second": second, "first_root": old.hex(),
            "second_root": root_hash(second, tree.nodes).hex(), "path": _hex(path),
        }
        yield {"name": f"consistency-{first}-{second}", "expect": "ok", **vector}
        forged = {**vector, "first_root": bytes_of("another past").hex()}
        yield {"name": f"consistency-{first}-{second}-forged-past", "expect": "proof-invalid", **forged}
        longer = {**vector, "path": _hex([*path, bytes(32)])}
        yield {"name": f"consistency-{first}-{second}-too-long", "expect": "proof-invalid", **longer}


def tiles() -> Vectors:
    for level, n, width in ((0, 0, 256), (0, 1_234_067, 256), (1, 0, 3), (2, 999, 255), (7, 1000, 1)):
        yield {
            "name": f"name-{level}-{n}-{width}", "kind": "tile-path", "expect": "ok", "level": level, "n": n,
            "width": width, "path": tile_path(level, n, width),
        }
    tree = Tree(66_000)
    for (level, n), width in tiles_of(66_000).items():
        tile = tree.grown.changed[level, n]
        yield {
            "name": f"content-{level}-{n}", "kind": "tile", "expect": "ok", "size": 66_000, "level": level,
            "n": n, "width": width, "sha256": hashlib.sha256(tile).hexdigest(), "root": tree.head.root.hex(),
        }


def _receipt(name: str, expect: str, receipt: bytes, leaf: bytes, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "kind": "receipt", "expect": expect, "receipt": receipt.hex(), "leaf": leaf.hex(),
        "key": _KEY, "log": LOG_URI, **more,
    }


def _head_with(head: TreeHead, signer: Any = LOG_SIGNER, **changes: Any) -> SignedHead:
    """A head whose header was changed, then rightly signed."""
    header: dict[int | str, Any] = {
        1: -8,
        4: LOG_SIGNER.public_key.cose_thumbprint(),
        15: {1: LOG_URI, 2: LOG_URI, "size": head.size},
        395: 1,
    }
    header.update({int(key[1:]): value for key, value in changes.items()})
    protected = cbor.encode({key: value for key, value in header.items() if value is not None})
    return SignedHead(head, protected, signer.sign(sig_structure(protected, head.root)))


def receipts() -> Vectors:
    for size in (2, 3, 7, 256, 257, 1000):
        tree = Tree(size)
        signed = _HEADS.sign(tree.head)
        for index in sorted({0, size // 2, size - 1}):
            receipt = signed.receipt(index, inclusion_path(index, size, tree.nodes))
            outcome = {"size": size, "index": index, "root": tree.head.root.hex()}
            yield _receipt(f"inclusion-{index}-of-{size}", "ok", receipt, tree.leaves[index], **outcome)
    tree = Tree(7)
    leaf, path = tree.leaves[4], inclusion_path(4, 7, tree.nodes)
    good = _HEADS.sign(tree.head).receipt(4, path)
    claims = {1: LOG_URI, 2: LOG_URI, "size": 7}

    def changed(signer: Any = LOG_SIGNER, **changes: Any) -> bytes:
        return _head_with(tree.head, signer, **changes).receipt(4, path)

    modern = changed(_1=-19)
    yield _receipt("alg-ed25519-19", "ok", modern, leaf, size=7, index=4, root=tree.head.root.hex())
    refused = {
        "another-leaf": ("signature-invalid", good, tree.leaves[3]),
        "another-index": ("signature-invalid", _HEADS.sign(tree.head).receipt(5, path), leaf),
        "size-not-the-signed-one": ("proof-invalid", _resized(tree.head, 8).receipt(4, path), leaf),
        "path-shortened": ("proof-invalid", _HEADS.sign(tree.head).receipt(4, path[:-1]), leaf),
        "vds-missing": ("proof-invalid", changed(_395=None), leaf),
        "vds-2": ("proof-invalid", changed(_395=2), leaf),
        "kid-missing": ("proof-invalid", changed(_4=None), leaf),
        "kid-of-another-key": ("proof-invalid", changed(_4=bytes(32)), leaf),
        "another-log": ("proof-invalid", changed(_15={**claims, 2: URN + OTHER_LOG}), leaf),
        "no-issuer": ("proof-invalid", changed(_15={2: LOG_URI, "size": 7}), leaf),
        "no-size": ("proof-invalid", changed(_15={1: LOG_URI, 2: LOG_URI}), leaf),
        "signed-by-mallory": ("signature-invalid", changed(MALLORY), leaf),
        "algorithm-of-another-key": ("signature-invalid", changed(_1=-7), leaf),
        "payload-attached": ("malformed", _attached(good, tree.head.root), leaf),
        "trailing-byte": ("malformed", good + b"\x00", leaf),
        "tag-missing": ("malformed", good[1:], leaf),
        "two-proofs": ("malformed", _two_proofs(good), leaf),
        "path-empty": ("malformed", _proof(good, [7, 4, []]), leaf),
        "hash-of-31-bytes": ("malformed", _proof(good, [7, 4, [*path[:-1], path[-1][:31]]]), leaf),
        "consistency-as-inclusion": ("malformed", _HEADS.sign(tree.head).consistency(4, path), leaf),
    }
    for name, (expect, receipt, of) in refused.items():
        yield _receipt(name, expect, receipt, of)
    yield from _consistency_receipts(tree)


def _resized(head: TreeHead, size: int) -> SignedHead:
    """The signature of one head, with proofs that say another size."""
    signed = _HEADS.sign(head)
    signed._size = cbor.encode(size)
    return signed


def _attached(receipt: bytes, root: bytes) -> bytes:
    s = Sign1.parse(receipt)
    return Sign1(s.protected, {}, s.unprotected, root, s.signature).encode()


def _two_proofs(receipt: bytes) -> bytes:
    s = Sign1.parse(receipt)
    proof = s.unprotected[396][-1][0]
    return s.encode({396: {-1: [proof, proof]}})


def _proof(receipt: bytes, proof: Any) -> bytes:
    return Sign1.parse(receipt).encode({396: {-1: [cbor.encode(proof)]}})


def _consistency_receipts(tree: Tree) -> Vectors:
    signed = _HEADS.sign(tree.head)
    for first in (1, 4, 6):
        old = root_hash(first, tree.nodes)
        receipt = signed.consistency(first, consistency_path(first, 7, tree.nodes))
        vector = {
            "kind": "consistency-receipt", "receipt": receipt.hex(), "first": first, "first_root": old.hex(),
            "second": 7, "second_root": tree.head.root.hex(), "key": _KEY, "log": LOG_URI,
        }
        yield {"name": f"consistency-{first}-7", "expect": "ok", **vector}
        forged = {**vector, "first_root": bytes_of("another past").hex()}
        yield {"name": f"consistency-{first}-7-forged-past", "expect": "proof-invalid", **forged}
        other = {**vector, "second_root": bytes_of("another present").hex()}
        yield {"name": f"consistency-{first}-7-forged-present", "expect": "signature-invalid", **other}


def _note(name: str, expect: str, note: bytes, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "kind": "checkpoint", "expect": expect, "note": note.hex(), "log": LOG_KEY.vkey,
        "witnesses": [WITNESS_KEY.vkey], **more,
    }


def _signed_text(text: bytes) -> bytes:
    line = NoteSignature(name=ORIGIN, key_id=LOG_KEY.key_id, blob=LOG_SIGNER.sign(text))
    return text + b"\n" + line.line.encode()


def checkpoints() -> Vectors:
    tree = Tree(1000)
    note = SignedNote.parse(sign_checkpoint(tree.head, origin=ORIGIN, signer=LOG_SIGNER))
    plain = {"origin": ORIGIN, "size": 1000, "root": tree.head.root.hex()}
    yield _note("signed", "ok", note.encode(), **plain, cosigned=[])
    line = cosign(note, witness=WITNESS_KEY.name, signer=WITNESS_SIGNER, time_s=1_767_229_200)
    seen = [["witness.example/w1", 1_767_229_200]]
    yield _note("cosigned", "ok", note.with_lines([line]).encode(), **plain, cosigned=seen)
    stranger = cosign(note, witness="stranger.example", signer=MALLORY, time_s=1)
    yield _note("unknown-witness", "ok", note.with_lines([stranger]).encode(), **plain, cosigned=[])
    text = note.text
    extended = Checkpoint(origin=ORIGIN, size=1000, root=tree.head.root, extensions=("hello",)).encode()
    yield _note("extension-line", "ok", _signed_text(extended), **plain, cosigned=[])
    forged = NoteSignature(name=line.name, key_id=line.key_id, blob=line.blob[:8] + bytes(64))
    later = NoteSignature(name=line.name, key_id=line.key_id, blob=bytes(7) + b"\x01" + line.blob[8:])
    refused = {
        "cosignature-forged": ("signature-invalid", note.with_lines([forged]).encode()),
        "cosignature-time-changed": ("signature-invalid", note.with_lines([later]).encode()),
        "not-signed-by-the-log": ("signature-invalid", SignedNote(text=text, signatures=(line,)).encode()),
        "size-changed": ("signature-invalid", note.encode().replace(b"\n1000\n", b"\n1001\n")),
        "another-origin": ("proof-invalid", note.encode().replace(ORIGIN.encode() + b"\n", b"egide/other\n")),
        "no-signature": ("malformed", text + b"\n"),
        "no-empty-line": ("malformed", text),
        "leading-zero": ("malformed", _signed_text(text.replace(b"\n1000\n", b"\n01000\n"))),
        "negative-size": ("malformed", _signed_text(text.replace(b"\n1000\n", b"\n-1\n"))),
        "short-root": ("malformed", _signed_text(f"{ORIGIN}\n1000\nAAAA\n".encode())),
        "carriage-return": ("malformed", _signed_text(text.replace(b"\n1000\n", b"\r\n1000\n"))),
        "loose-base64": ("malformed", _loose_base64(note.encode())),
        "not-utf-8": ("malformed", b"\xff" + note.encode()),
    }
    for name, (expect, data) in refused.items():
        yield _note(name, expect, data)


def _loose_base64(note: bytes) -> bytes:
    """The same bytes, in a base64 that is not the only form: the unused bits are set."""
    head, _, last = note.rstrip(b"\n").rpartition(b"=")
    assert not last
    end = head.rstrip(b"=")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    changed = alphabet[alphabet.index(end[-1:]) | 1]
    return end[:-1] + bytes((changed,)) + head[len(end) :] + b"=\n"


def witness() -> Vectors:
    tree = Tree(20)
    old, new = TreeHead(7, root_hash(7, tree.nodes)), tree.head
    note = sign_checkpoint(new, origin=ORIGIN, signer=LOG_SIGNER)
    path = consistency_path(7, 20, tree.nodes)
    known = {"size": 7, "root": old.root.hex()}
    forked = sign_checkpoint(TreeHead(7, bytes_of("fork")), origin=ORIGIN, signer=LOG_SIGNER)
    good = encode_add_checkpoint(7, path, note)
    cases = {
        "first-checkpoint": (None, encode_add_checkpoint(0, [], note), 200, ""),
        "grows": (known, good, 200, ""),
        "forgotten-size": (known, encode_add_checkpoint(0, [], note), 409, "7\n"),
        "another-root-at-that-size": (known, encode_add_checkpoint(7, [], forked), 409, None),
        "proof-missing": (known, encode_add_checkpoint(7, [], note), 422, None),
        "proof-with-no-past": (None, encode_add_checkpoint(0, [bytes(32)], note), 422, None),
        "old-above-new": (known, encode_add_checkpoint(21, [], note), 400, None),
        "unknown-log": (known, good.replace(b"egide/log/", b"egide/lag/"), 404, None),
        "not-signed": (known, encode_add_checkpoint(7, path, note.replace(b"\n20\n", b"\n21\n")), 403, None),
        "leading-zero": (known, b"old 07\n\n" + note, 400, None),
        "no-empty-line": (known, b"old 7\n" + note.replace(b"\n\n", b"\n"), 400, None),
        "hash-of-31-bytes": (known, encode_add_checkpoint(7, [bytes(31)], note), 400, None),
        "64-hashes": (known, b"old 7\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note, 400, None),
    }
    for name, (last, request, status, body) in cases.items():
        vector = {"name": name, "kind": "witness", "expect": "ok" if status == 200 else str(status)}
        yield {
            **vector, "log": LOG_KEY.vkey, "known": last, "request": request.hex(), "status": status,
            "body": body,
        }
