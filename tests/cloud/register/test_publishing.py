"""Checkpoints, and witnesses that run elsewhere: what is signed, what is kept of their answers, and what is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError

from egide.cloud.config import worker
from egide.cloud.options import Options
from egide.cloud.register.epochs import log_anchor
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Checkpoint, Cosignature, Witness
from egide.cloud.register.platform import log_signer
from egide.cloud.register.publishing import ask_all, ask_witness, latest_checkpoint, publish, signed_head
from egide.cloud.register.store import current_log, nodes_of
from egide.errors import MalformedError, UnavailableError
from egide.trust.cose import SoftwareSigner
from egide.trust.register.checkpoint import (
    COSIGNATURE,
    LOG,
    SignedNote,
    VerifierKey,
    cosign,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignatures,
)
from egide.trust.register.receipt import verify_receipt
from egide.trust.register.tree import TreeHead, inclusion_path
from tests.support.thing import NOW

SIGNER = SoftwareSigner(Ed25519PrivateKey.from_private_bytes(b"w" * 32))
KEY = VerifierKey(name="w.example/1", kind=COSIGNATURE, public=SIGNER.public_key.raw_ed25519)


def grow(count: int = 1) -> None:
    for _ in range(count):
        append_statement("note", None, {}, now_ms=NOW)


@pytest.fixture
def published(opened_platform: Options) -> Checkpoint:
    grow()
    checkpoint = publish(now_ms=NOW)
    assert checkpoint is not None
    return checkpoint


@pytest.fixture
def witness(opened_platform: Options) -> Witness:
    return Witness.objects.create(name=KEY.name, url="http://witness.invalid/w/", vkey=KEY.vkey)


def log_key() -> VerifierKey:
    anchor = log_anchor(current_log())
    return VerifierKey(name=anchor.origin, kind=LOG, public=anchor.public)


Answer = Callable[[httpx.Request], httpx.Response]


@contextmanager
def answering(answer: Answer) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        yield client


def good(request: httpx.Request) -> httpx.Response:
    note = request.content.partition(b"\n\n")[2]
    return httpx.Response(200, text=cosign(SignedNote.parse(note), witness=KEY.name, signer=SIGNER, time_s=9).line)


def test_a_log_of_one_leaf_has_no_checkpoint(opened_platform: Options) -> None:
    """RFC 9942 gives it no receipt; from two leaves on there is one, and one only until the log grows."""
    assert publish(now_ms=NOW) is None
    assert latest_checkpoint(current_log()) is None
    grow()
    first = publish(now_ms=NOW)
    assert first is not None
    assert publish(now_ms=NOW + 1) is None
    grow(3)
    second = publish(now_ms=NOW + 2)
    assert second is not None
    assert (first.size, second.size) == (2, 5)
    assert latest_checkpoint(current_log()) == second


def test_a_checkpoint_is_signed_by_the_log_and_makes_receipts(published: Checkpoint) -> None:
    """The signature kept beside it proves any entry, in a process that has not the log's key."""
    head = verify_checkpoint(published.note.encode(), log_key())
    log = current_log()
    assert (head.size, head.root) == (log.size, bytes(log.root))
    nodes = nodes_of(log.pk)
    receipt = signed_head(published, head.root).receipt(1, inclusion_path(1, 2, nodes))
    verified = verify_receipt(receipt, nodes(0, 1), key=log_signer(log.pk).public_key, log_uri=log.uri)
    assert (verified.index, verified.size) == (1, 2)


def test_a_cosignature_is_kept_once_verified(published: Checkpoint, witness: Witness) -> None:
    """Under the checkpoint it is of; the same witness again replaces its own line."""
    with answering(good) as client:
        assert ask_witness(client, witness, published, now_ms=NOW)
        assert ask_witness(client, witness, published, now_ms=NOW + 5)
    kept = Cosignature.objects.get()
    assert (kept.witness, kept.at_ms) == (KEY.name, NOW + 5)
    note = SignedNote.parse(published.note.encode()).with_lines(SignedNote.parse_lines(kept.line))
    assert [each.time_s for each in verify_cosignatures(note, [KEY])] == [9]


def test_lines_of_others_are_left_aside(published: Checkpoint, witness: Witness) -> None:
    """A witness may answer more than its own line: only its own is kept."""
    stranger = SoftwareSigner(Ed25519PrivateKey.generate())

    def both(request: httpx.Request) -> httpx.Response:
        note = SignedNote.parse(request.content.partition(b"\n\n")[2])
        other = cosign(note, witness="other.example", signer=stranger, time_s=9).line
        return httpx.Response(200, text=other + good(request).text)

    with answering(both) as client:
        assert ask_witness(client, witness, published, now_ms=NOW)
    assert "other.example" not in Cosignature.objects.get().line


def foreign(request: httpx.Request) -> httpx.Response:
    note = SignedNote.parse(request.content.partition(b"\n\n")[2])
    stranger = SoftwareSigner(Ed25519PrivateKey.generate())
    return httpx.Response(200, text=cosign(note, witness=KEY.name, signer=stranger, time_s=9).line)


def unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(foreign, MalformedError, id="signed-by-another-key"),
        pytest.param(lambda _: httpx.Response(200, text=""), MalformedError, id="nothing"),
        pytest.param(lambda _: httpx.Response(200, text="hello\n"), MalformedError, id="not-a-line"),
        pytest.param(lambda _: httpx.Response(200, content=b"\xff\xfe\n"), MalformedError, id="not-text"),
        pytest.param(lambda _: httpx.Response(200, content=bytes(10**6)), UnavailableError, id="too-much"),
        pytest.param(lambda _: httpx.Response(404), UnavailableError, id="does-not-follow-this-log"),
        pytest.param(lambda _: httpx.Response(302, headers={"location": "/"}), UnavailableError, id="elsewhere"),
        pytest.param(lambda _: httpx.Response(500), UnavailableError, id="broken"),
        pytest.param(unreachable, UnavailableError, id="unreachable"),
        pytest.param(lambda _: httpx.Response(409, text="many\n"), MalformedError, id="a-size-that-is-none"),
    ],
)
def test_what_is_not_a_cosignature_is_not_kept(
    published: Checkpoint, witness: Witness, answer: Answer, error: type[Exception]
) -> None:
    """Whatever a witness answers, the checkpoint keeps what it had."""
    with answering(answer) as client, pytest.raises(error):
        ask_witness(client, witness, published, now_ms=NOW)
    assert not Cosignature.objects.exists()


def test_a_witness_that_saw_more_or_another_log_is_told_of_nowhere_else(
    published: Checkpoint, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    """A size beyond ours is a fork or a roll-back: no second try, and an error that somebody reads."""
    asked: list[bytes] = []

    def ahead(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        return httpx.Response(409, text="99\n")

    with answering(ahead) as client:
        assert not ask_witness(client, witness, published, now_ms=NOW)
    assert len(asked) == 1
    assert "witness-conflict" in caplog.text


def test_a_witness_that_never_settles_is_left(published: Checkpoint, witness: Witness) -> None:
    """Two tries, then the next checkpoint."""
    sizes = iter((1, 2, 1, 2))
    with answering(lambda _: httpx.Response(409, text=f"{next(sizes)}\n")) as client:
        assert not ask_witness(client, witness, published, now_ms=NOW)


def test_a_witness_that_lost_count_is_proved_to(published: Checkpoint, witness: Witness) -> None:
    """It says how much it knows: the next try proves growth from there."""
    grow(5)
    newer = publish(now_ms=NOW)
    assert newer is not None
    olds: list[str] = []

    def forgetful(request: httpx.Request) -> httpx.Response:
        olds.append(request.content.split(b"\n")[0].decode())
        return httpx.Response(409, text="2\n") if len(olds) == 1 else good(request)

    with answering(forgetful) as client:
        assert ask_witness(client, witness, newer, now_ms=NOW)
    assert olds == ["old 0", "old 2"]


def test_one_witness_that_fails_does_not_silence_the_others(
    published: Checkpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All are asked; how many cosigned is said."""
    for name in ("dead", "w.example/1"):
        signer = SIGNER if name == KEY.name else SoftwareSigner(Ed25519PrivateKey.generate())
        key = VerifierKey(name=name, kind=COSIGNATURE, public=signer.public_key.raw_ed25519)
        Witness.objects.create(name=name, url=f"http://{name[0]}.invalid", vkey=key.vkey)

    def answer(request: httpx.Request) -> httpx.Response:
        return unreachable(request) if request.url.host == "d.invalid" else good(request)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(httpx, "Client", lambda **_: client)
    assert ask_all(published, now_ms=NOW) == 1
    assert "unavailable" in caplog.text


@pytest.fixture
def process(opened_platform: Options, tmp_path: Path) -> Iterator[Witness]:
    """A real witness, in a process of its own."""
    command = [sys.executable, "-m", "egide.cli", "witness", "--log", log_key().vkey, "--port", "0"]
    command += ["--folder", str(tmp_path / "w")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        try:
            vkey, url = child.stdout.readline().strip(), child.stdout.readline().strip()
            name = VerifierKey.parse(vkey).name
            yield Witness.objects.create(name=name, url=url, vkey=vkey)
        finally:
            child.terminate()


@pytest.mark.server
def test_a_real_witness_cosigns_a_log_that_grows(process: Witness) -> None:
    """Checkpoint after checkpoint, over HTTP; each line verifies under its key."""
    key = VerifierKey.parse(process.vkey)
    for _ in range(3):
        grow(3)
        checkpoint = publish(now_ms=NOW)
        assert checkpoint is not None
        assert ask_all(checkpoint, now_ms=NOW) == 1
        line = checkpoint.cosignatures.get().line
        note = SignedNote.parse(checkpoint.note.encode())
        assert len(verify_cosignatures(note.with_lines(SignedNote.parse_lines(line)), [key])) == 1


@pytest.mark.server
def test_a_real_witness_that_is_not_asked_for_a_while_is_caught_up(process: Witness) -> None:
    """A platform that lost its record of the cosignatures learns the size from the witness."""
    grow(3)
    first = publish(now_ms=NOW)
    assert first is not None
    assert ask_all(first, now_ms=NOW) == 1
    Cosignature.objects.all().delete()
    grow(7)
    second = publish(now_ms=NOW)
    assert second is not None
    assert ask_all(second, now_ms=NOW) == 1


@pytest.mark.server
def test_a_real_witness_does_not_cosign_a_log_that_was_rolled_back(
    process: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    """The same log with another history: no line, and an error in our log."""
    grow(3)
    first = publish(now_ms=NOW)
    assert first is not None
    assert ask_all(first, now_ms=NOW) == 1
    Cosignature.objects.all().delete()
    log = current_log()
    forged = sign_checkpoint(TreeHead(first.size, bytes(32)), origin=log.origin, signer=log_signer(log.pk))
    Checkpoint.objects.filter(pk=first.pk).update(note=forged.decode())
    first.refresh_from_db()
    assert ask_all(first, now_ms=NOW) == 0
    assert not Cosignature.objects.exists()


def test_what_publishing_meets_is_logged_and_tried_again(
    opened_platform: Options, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker's turn: nothing new, something new, a store that fails, a log without its key."""
    worker.survive(worker.publish_once)
    worker.survive(worker.ask_once)
    assert not Checkpoint.objects.exists()
    grow()
    worker.survive(worker.publish_once)
    assert Checkpoint.objects.get().size == 2
    for error, word in ((DatabaseError("values"), "DatabaseError"), (UnavailableError("text"), "unavailable")):

        def fail(error: Exception = error, **_: object) -> None:
            raise error

        monkeypatch.setattr(worker, "publish", fail)
        worker.survive(worker.publish_once)
        assert word in caplog.text
    assert "values" not in caplog.text
