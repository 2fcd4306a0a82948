"""A witness cosigns a log that only ever grows, and answers as C2SP tlog-witness says."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import EgideError, MalformedError, TooLargeError
from egide.trust.cose import SoftwareSigner
from egide.trust.register.checkpoint import LOG, VerifierKey, sign_checkpoint
from egide.trust.register.tiles import Appender, TileNodes
from egide.trust.register.tree import EMPTY_ROOT, TreeHead, consistency_path, leaf_hash, root_hash
from egide.trust.register.witness import (
    SIZE_TYPE,
    Accepted,
    Refused,
    decide,
    encode_add_checkpoint,
    parse_add_checkpoint,
    parse_known_size,
)

ORIGIN = "egide/log/6fa459ea-ee8a-4ca4-894e-db77e160355e"
SIGNER = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"l" * 32))
LOGS = {ORIGIN: VerifierKey(name=ORIGIN, kind=LOG, public=SIGNER.public_key.raw_ed25519)}
TILES = Appender(0, lambda *_: b"").append([leaf_hash(bytes((i,))) for i in range(40)]).changed
NODES = TileNodes(lambda level, n: TILES[level, n])


def head(size: int) -> TreeHead:
    return TreeHead(size, root_hash(size, NODES))


def note(size: int, root: bytes | None = None) -> bytes:
    return sign_checkpoint(TreeHead(size, root or head(size).root), origin=ORIGIN, signer=SIGNER)


def ask(body: bytes, known: TreeHead | None) -> Accepted | Refused:
    return decide(parse_add_checkpoint(body), logs=LOGS, known=known)


def status(outcome: Accepted | Refused) -> int:
    return outcome.status if isinstance(outcome, Refused) else 200


@given(data=st.data(), new=st.integers(0, 40))
def test_a_log_that_grows_is_accepted(data: st.DataObject, new: int) -> None:
    """From any size it cosigned to any later one, itself included."""
    old = data.draw(st.integers(0, new))
    body = encode_add_checkpoint(old, consistency_path(old, new, NODES), note(new))
    assert ask(body, head(old) if old else None) == Accepted(origin=ORIGIN, head=head(new))


@given(data=st.data(), new=st.integers(1, 40))
def test_a_log_that_rewrote_its_past_is_refused(data: st.DataObject, new: int) -> None:
    """Whatever it says its past was, the witness compares with what it saw."""
    old = data.draw(st.integers(1, new))
    seen = TreeHead(old, bytes(32))
    body = encode_add_checkpoint(old, consistency_path(old, new, NODES), note(new))
    assert status(ask(body, seen)) == (409 if old == new else 422)


def test_an_older_or_unknown_size_is_answered_with_the_size_known() -> None:
    """So that the log's next request can begin there (409)."""
    for old in (0, 3, 8):
        outcome = ask(encode_add_checkpoint(old, [], note(20)), head(7))
        assert isinstance(outcome, Refused)
        assert (outcome.status, outcome.media_type) == (409, SIZE_TYPE)
        assert parse_known_size(outcome.body.encode()) == 7


def test_an_unknown_log_an_unsigned_checkpoint_and_a_shrunk_tree_are_told_apart() -> None:
    """404, 403 and 400, in the specification's order."""
    good = encode_add_checkpoint(7, consistency_path(7, 20, NODES), note(20))
    assert status(decide(parse_add_checkpoint(good), logs={}, known=None)) == 404
    assert status(ask(good.replace(b"\n20\n", b"\n21\n"), head(7))) == 403
    assert status(ask(encode_add_checkpoint(21, [], note(20)), head(21))) == 400


def test_a_proof_where_none_is_due_is_refused() -> None:
    """From nothing to something, the proof is empty (422)."""
    assert status(ask(encode_add_checkpoint(0, [bytes(32)], note(20)), None)) == 422


def test_an_empty_log_has_the_empty_root() -> None:
    """A checkpoint of no leaf says the one root there is."""
    assert status(ask(encode_add_checkpoint(0, [], note(0, EMPTY_ROOT)), None)) == 200
    assert status(ask(encode_add_checkpoint(0, [], note(0, bytes(range(32)))), None)) == 409


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"old 0\n" + note(20).replace(b"\n\n", b"\n"), id="no-empty-line"),
        pytest.param(b"new 0\n\n" + note(20), id="no-old"),
        pytest.param(b"old -1\n\n" + note(20), id="negative"),
        pytest.param(b"old 01\n\n" + note(20), id="leading-zero"),
        pytest.param(b"old 0\nAAAA\n\n" + note(20), id="short-hash"),
        pytest.param(b"old 0\n!\n\n" + note(20), id="not-base64"),
        pytest.param(b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(20), id="64-hashes"),
        pytest.param("old 0\né\n\n".encode() + note(20), id="not-ascii"),
        pytest.param(b"old 0\n\nx\n\n", id="no-checkpoint"),
    ],
)
def test_a_request_of_another_form_is_refused(body: bytes) -> None:
    """The answer is 400."""
    with pytest.raises(MalformedError):
        parse_add_checkpoint(body)


def test_a_request_that_is_too_large_is_refused() -> None:
    """24,576 bytes at most."""
    with pytest.raises(TooLargeError):
        parse_add_checkpoint(bytes(24_577))


def test_a_request_of_more_than_63_hashes_is_not_written() -> None:
    """The writer keeps the reader's rules."""
    with pytest.raises(MalformedError):
        encode_add_checkpoint(1, [bytes(32)] * 64, note(20))


@pytest.mark.parametrize("body", [b"7", b"", b"07\n", b"7\n\n", b"\xff\n"])
def test_a_size_of_another_form_is_refused(body: bytes) -> None:
    """What a witness says is not trusted either."""
    with pytest.raises(MalformedError):
        parse_known_size(body)


@given(data=st.binary(max_size=120))
def test_noise_is_refused_by_our_errors_alone(data: bytes) -> None:
    """Untrusted bytes never raise anything else."""
    for body in (data, b"old 0\n" + data + b"\n\n" + note(20), b"old 0\n\n" + data):
        try:
            assert status(ask(body, None)) in (200, 400, 403, 404, 409, 422)
        except EgideError:
            continue
