"""`egide witness`: it remembers before it answers, keeps its key to itself, and says what is wrong."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import typer
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from egide.cli.witness import Witness, WitnessServer, load_key, witness
from egide.errors import ConfigError, KeyMissingError, StorageError
from egide.trust.cose import SoftwareSigner
from egide.trust.register.checkpoint import (
    COSIGNATURE,
    LOG,
    SignedNote,
    VerifierKey,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignatures,
)
from egide.trust.register.tiles import Appender, TileNodes
from egide.trust.register.tree import TreeHead, consistency_path, leaf_hash, root_hash
from egide.trust.register.witness import (
    Refused,
    encode_add_checkpoint,
    parse_add_checkpoint,
    parse_known_size,
)

ORIGIN = "egide/log/6fa459ea-ee8a-4ca4-894e-db77e160355e"
SIGNER = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"l" * 32))
LOG_KEY = VerifierKey(name=ORIGIN, kind=LOG, public=SIGNER.public_key.raw_ed25519)
TILES = Appender(0, lambda *_: b"").append([leaf_hash(bytes((i,))) for i in range(40)]).changed
NODES = TileNodes(lambda level, n: TILES[level, n])


def note(size: int) -> bytes:
    return sign_checkpoint(TreeHead(size, root_hash(size, NODES)), origin=ORIGIN, signer=SIGNER)


def body(old: int, new: int) -> bytes:
    return encode_add_checkpoint(old, consistency_path(old, new, NODES), note(new))


@pytest.fixture
def subject(tmp_path: Path) -> Witness:
    """A witness with an empty memory, which follows one log."""
    signer = load_key(tmp_path / "witness.key")
    made = Witness(
        name="witness.example/w1", signer=signer, memory=tmp_path / "memory.sqlite3", logs={ORIGIN: LOG_KEY}
    )
    made.prepare()
    return made


@contextmanager
def serving(subject: Witness) -> Iterator[httpx.Client]:
    with WitnessServer(("127.0.0.1", 0), subject) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{server.server_address[1]}", timeout=20) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


def test_what_was_answered_is_remembered_by_the_next_process(subject: Witness) -> None:
    """A witness that starts again knows the last head that it cosigned."""
    line = subject.add_checkpoint(body(0, 7), time_s=12)
    assert isinstance(line, bytes)
    signed = SignedNote.parse(note(7)).with_lines(SignedNote.parse_lines(line.decode()))
    key = VerifierKey.parse(subject.vkey)
    assert [each.time_s for each in verify_cosignatures(signed, [key])] == [12]
    again = Witness(name=subject.name, signer=subject.signer, memory=subject.memory, logs=subject.logs)
    again.prepare()
    outcome = again.add_checkpoint(body(0, 20), time_s=13)
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.body) == (409, "7\n")
    assert again.latest(hashlib.sha256(ORIGIN.encode()).hexdigest()) == signed.encode()


def test_a_refusal_leaves_the_memory_as_it_was(subject: Witness) -> None:
    """Whatever is refused, the next true growth is accepted."""
    subject.add_checkpoint(body(0, 7), time_s=12)
    forged = encode_add_checkpoint(7, [bytes(32)], note(20))
    outcome = subject.add_checkpoint(forged, time_s=13)
    assert isinstance(outcome, Refused)
    assert outcome.status == 422
    assert isinstance(subject.add_checkpoint(body(7, 20), time_s=14), bytes)


def test_two_requests_at_once_cannot_roll_it_back(subject: Witness) -> None:
    """Of many concurrent growths from one size, exactly one is cosigned."""
    subject.add_checkpoint(body(0, 7), time_s=12)
    outcomes: list[bytes | Refused] = []
    threads = [
        threading.Thread(target=lambda n=n: outcomes.append(subject.add_checkpoint(body(7, n), time_s=13)))
        for n in range(8, 24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([each for each in outcomes if isinstance(each, bytes)]) == 1
    assert {each.status for each in outcomes if isinstance(each, Refused)} == {409}


def test_nothing_is_cosigned_when_it_cannot_be_kept(subject: Witness, tmp_path: Path) -> None:
    """A memory that cannot be written is an error, not a signature."""
    subject.memory.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError):
        subject.add_checkpoint(body(0, 7), time_s=12)
    with pytest.raises(StorageError):
        Witness(name="w", signer=subject.signer, memory=tmp_path, logs={}).prepare()


def test_the_key_is_made_once_and_kept_to_itself(tmp_path: Path) -> None:
    """Mode 0600, the same at the next start; refused when others may read it, or of another kind."""
    path = tmp_path / "witness.key"
    first = load_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path).public_key.spki == first.public_key.spki
    path.chmod(0o640)
    with pytest.raises(KeyMissingError):
        load_key(path)
    other = ec.derive_private_key(7, ec.SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(KeyMissingError):
        load_key(path)
    path.write_bytes(b"not a key")
    with pytest.raises(KeyMissingError):
        load_key(path)
    with pytest.raises(StorageError):
        load_key(tmp_path / "nowhere" / "witness.key")


@pytest.mark.parametrize(
    "logs",
    [
        pytest.param([LOG_KEY.vkey, LOG_KEY.vkey], id="twice-the-same-log"),
        pytest.param(
            [VerifierKey(name="w", kind=COSIGNATURE, public=LOG_KEY.public).vkey], id="a-witness-s-key"
        ),
    ],
)
def test_options_that_cannot_work_are_refused_at_the_start(logs: list[str], tmp_path: Path) -> None:
    """Before it listens."""
    with pytest.raises(ConfigError):
        witness(log=logs, folder=tmp_path / "w", port=0)


@pytest.mark.parametrize(
    ("vkey", "name"), [("garbage", ""), (LOG_KEY.vkey[:-4], ""), (LOG_KEY.vkey, "a b"), (LOG_KEY.vkey, "a+b")]
)
def test_what_was_typed_wrong_is_2(vkey: str, name: str, tmp_path: Path) -> None:
    """As its help says: a log's key, or a name, that has not its form."""
    with pytest.raises(typer.BadParameter) as said:
        witness(log=[vkey], folder=tmp_path / "w", port=0, key_name=name)
    assert said.value.exit_code == 2


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """Where a file stands, no folder can."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        witness(log=[LOG_KEY.vkey], folder=tmp_path / "file" / "w", port=0)


@pytest.mark.server
def test_a_port_that_is_taken_is_said(subject: Witness, tmp_path: Path) -> None:
    """The second witness on a port refuses to start."""
    with serving(subject) as client:
        with pytest.raises(ConfigError):
            witness(log=[LOG_KEY.vkey], folder=tmp_path / "w", port=client.base_url.port or 0)


@pytest.mark.server
def test_the_protocol_is_the_specification_s(subject: Witness) -> None:
    """200 and a line, 409 and the size, 422, 400, 403, 404; over one kept connection."""
    with serving(subject) as client:
        good = client.post("/add-checkpoint", content=body(0, 7))
        assert good.status_code == 200
        signed = SignedNote.parse(note(7)).with_lines(SignedNote.parse_lines(good.text))
        assert len(verify_cosignatures(signed, [VerifierKey.parse(subject.vkey)])) == 1
        stale = client.post("/add-checkpoint", content=body(0, 20))
        assert (stale.status_code, stale.headers["content-type"]) == (409, "text/x.tlog.size")
        assert parse_known_size(stale.content) == 7
        unproved = client.post("/add-checkpoint", content=encode_add_checkpoint(7, [], note(20)))
        assert unproved.status_code == 422
        assert client.post("/add-checkpoint", content=b"junk").status_code == 400
        unsigned = body(7, 20).replace(b"\n20\n", b"\n21\n")
        assert client.post("/add-checkpoint", content=unsigned).status_code == 403
        unknown = body(7, 20).replace(b"egide/log", b"egide/lag")
        assert client.post("/add-checkpoint", content=unknown).status_code == 404
        assert client.post("/add-checkpoint", content=body(7, 20)).status_code == 200


@pytest.mark.server
def test_anyone_can_read_the_last_checkpoint_and_the_key(subject: Witness) -> None:
    """So that monitors compare what the log shows them with what the witness saw."""
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
    with serving(subject) as client:
        assert client.get("/").text == f"{subject.vkey}\n"
        assert client.get(f"/{digest}/checkpoint").status_code == 404
        client.post("/add-checkpoint", content=body(0, 7))
        found = client.get(f"/{digest}/checkpoint").content
        assert verify_checkpoint(found, LOG_KEY).size == 7
        assert len(verify_cosignatures(found, [VerifierKey.parse(subject.vkey)])) == 1
        for path in ("/nothing", f"/{digest}", f"/{digest}/other", "/00/checkpoint"):
            assert client.get(path).status_code == 404


@pytest.mark.server
def test_requests_that_are_not_for_it_are_refused_unread(subject: Witness) -> None:
    """Another path, no length, too long a body."""
    with serving(subject) as client:
        assert client.post("/other", content=b"x").status_code == 404
        assert client.post("/add-checkpoint", content=iter([b"x"])).status_code == 411
        assert client.post("/add-checkpoint", content=bytes(24_577)).status_code == 413


@pytest.mark.server
def test_a_memory_that_fails_is_a_503(subject: Witness) -> None:
    """The log keeps its checkpoint and asks again later."""
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
    subject.memory.write_bytes(b"not a database" * 100)
    with serving(subject) as client:
        assert client.post("/add-checkpoint", content=body(0, 7)).status_code == 503
        assert client.get(f"/{digest}/checkpoint").status_code == 503


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_key_serves_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    """Two lines on stdout, a cosignature, exit code 0; the memory is there for the next start."""
    command = [sys.executable, "-m", "egide.cli", "witness", "--log", LOG_KEY.vkey, "--port", "0"]
    command += ["--folder", str(tmp_path / "w"), "--key-name", "witness.example/w1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        key, url = process.stdout.readline().strip(), process.stdout.readline().strip()
        assert VerifierKey.parse(key).name == "witness.example/w1"
        assert httpx.post(f"{url}/add-checkpoint", content=body(0, 7), timeout=20).status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()
    with closing(sqlite3.connect(tmp_path / "w" / "witness.sqlite3")) as db:
        assert db.execute("SELECT origin, size FROM head").fetchall() == [(ORIGIN, 7)]


def test_a_request_that_was_read_is_the_one_that_was_written() -> None:
    """The log's client and the witness speak of the same bytes."""
    request = parse_add_checkpoint(body(7, 20))
    assert (request.old, list(request.path)) == (7, consistency_path(7, 20, NODES))
    assert request.note.encode() == note(20)
