"""Objects against a real platform: enrolment, both ways in, renewal, return after expiry, token, kill -9."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from egide.errors import ClaimError, IdentityError, PairingError, StorageError
from egide.measure.readings import Readings, Series
from egide.prove.instance import Instance
from egide.things import Object, ObjectClock, State, Token
from egide.things.https import Https
from egide.things.line import Transport
from egide.things.pinned import client_context
from egide.things.virtual import Fault, VirtualObject, run
from tests.support.instance import running_instance

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running_instance(tmp_path_factory.mktemp("platform")) as started:
        yield started


@pytest.fixture(scope="module")
def alice(instance: Instance) -> str:
    return instance.run("person", "add", "Alice Martin", "--role", "patient").stdout.strip()


def claim(instance: Instance, *more: str) -> str:
    given = more if "--object" in more else ("--model", "Test object", *more)
    return instance.run("fleet", "claim", *given).stdout.strip()


def glucose(obj: Object, value: int = 100) -> Readings:
    series = Series(code="99504-3", unit="mg/dL", times=0, exponent=0, values=(value,))
    return Readings(t0_ms=obj.clock.now_ms(), series=(series,))


@pytest.fixture
def paired(instance: Instance, alice: str, tmp_path: Path) -> Path:
    """The folder of an enrolled object that measures Alice."""
    folder = tmp_path / "object"
    with Object.enrol(claim(instance, "--patient", alice), folder=folder) as obj:
        obj.refresh(timeout=20)
    return folder


@pytest.mark.parametrize("transport", ["mqtt", "https", "auto"])
def test_a_reading_is_receipted_by_either_way(paired: Path, transport: Transport) -> None:
    """Signed, sent, registered, and the receipt verified, linked and kept."""
    with Object.open(paired, transport=transport) as obj:
        sent = [obj.send(glucose(obj, 90 + n)) for n in range(20)]
        assert obj.flush(timeout=60).waiting == 0
        items = [obj.find(each) for each in sent]
        assert all(item is not None and item.state is State.RECEIPTED for item in items)
        assert [item.seq for item in items if item is not None] == list(range(20))
        status = obj.status()
    assert status.synchronised
    assert status.exposures == ()
    assert status.logs[0].head.size > 20


def test_a_claim_works_once_but_for_the_object_that_used_it(
    instance: Instance, alice: str, tmp_path: Path
) -> None:
    """The answer may be lost on its way: the same object may ask again. Nobody else may."""
    ticket = claim(instance, "--patient", alice)
    first = tmp_path / "first"
    Object.enrol(ticket, folder=first).close()
    with Object.enrol(ticket, folder=first) as obj:
        name = obj.uuid
    with Object.open(first) as obj:
        assert obj.uuid == name
    with pytest.raises(ClaimError):
        Object.enrol(ticket, folder=tmp_path / "second")


def test_a_claim_for_another_object_is_not_taken_in_this_folder(
    instance: Instance, paired: Path
) -> None:
    """An object does not change its name: its envelopes would be another's."""
    with pytest.raises(IdentityError):
        Object.enrol(claim(instance), folder=paired)


def test_an_object_that_is_paired_with_nobody_says_so(instance: Instance, tmp_path: Path) -> None:
    """It has no pairing to name: nothing is signed in the air."""
    with Object.enrol(claim(instance), folder=tmp_path / "alone") as obj:
        with pytest.raises(PairingError):
            obj.refresh(timeout=1)
        with pytest.raises(PairingError):
            obj.send(glucose(obj))


def test_a_folder_is_opened_once_at_a_time(paired: Path) -> None:
    """Two that speak as one object would be clones."""
    with Object.open(paired), pytest.raises(StorageError):
        Object.open(paired)


class Ahead(ObjectClock):
    """A clock of a hundred days later: certificates have expired."""

    def set(self, server_ms: int, *, asked_ms: int, answered_ms: int) -> None:
        super().set(server_ms + 100 * 86_400_000, asked_ms=asked_ms, answered_ms=answered_ms)


def test_after_expiry_readings_are_kept_and_a_new_claim_brings_them_in(
    instance: Instance, alice: str, tmp_path: Path
) -> None:
    """What no certificate could sign is signed after a new claim, under the same name, and flushed."""
    folder = tmp_path / "expired"
    with Object.enrol(claim(instance, "--patient", alice), folder=folder) as obj:
        obj.refresh(timeout=20)
        name = obj.uuid
    with Object(folder, transport="https", clock=Ahead(), start=False) as late:
        late.step()
        sent = late.send(glucose(late, 123))
        assert sent.digest is None
        assert late.outbox.counts().drafts == 1
    with Object.enrol(claim(instance, "--object", name), folder=folder, transport="https") as obj:
        assert obj.uuid == name
        assert obj.flush(timeout=60).waiting == 0
        counts = obj.outbox.counts()
    assert (counts.drafts, counts.receipted) == (0, 1)


def test_an_expired_object_still_flushes_what_it_had_signed(paired: Path) -> None:
    """Its envelopes were signed in time: they go by HTTPS, without the certificate, and are receipted."""
    with Object(paired, transport="https", start=False) as obj:
        sent = obj.send(glucose(obj))
    with Object.open(paired, transport="https", clock=Ahead()) as late:
        assert late.flush(timeout=30).waiting == 0
        item = late.find(sent)
    assert item is not None
    assert item.state is State.RECEIPTED


def test_a_certificate_is_renewed_before_it_expires(paired: Path) -> None:
    """Under the same name and key; the object goes on at once with the new one."""
    before = x509.load_pem_x509_certificate((paired / "certificate.pem").read_bytes())
    with Object(paired, transport="https", start=False) as obj:
        obj._line.identity._renew_at = 0
        obj.step()
        assert "renewal" not in obj.problems
        obj.send(glucose(obj))
        while obj.step() == 0 or obj.outbox.counts().waiting:
            pass
        assert obj.outbox.counts().receipted == 1
    after = x509.load_pem_x509_certificate((paired / "certificate.pem").read_bytes())
    assert after.serial_number != before.serial_number
    assert after.subject == before.subject
    assert after.public_key() == before.public_key()


SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def test_a_token_signs_what_a_file_key_brings(
    instance: Instance, alice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two certificates under one name: the token's signs envelopes, the file's makes the connections."""
    if not SOFTHSM.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is not installed (Debian: softhsm2)")
    import pkcs11

    (tmp_path / "tokens").mkdir()
    (tmp_path / "conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "conf"))
    arguments = ["--init-token", "--free", "--label", "egide-real", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
    pkcs11.lib(str(SOFTHSM)).reinitialize()
    pin = tmp_path / "pin"
    pin.write_text("1234")
    pin.chmod(0o600)
    token = Token(module=str(SOFTHSM), token="egide-real", label="object", pin_file=str(pin))
    folder = tmp_path / "object"
    with Object.enrol(claim(instance, "--patient", alice), folder=folder, token=token) as obj:
        obj.refresh(timeout=20)
        sent = obj.send(glucose(obj))
        assert obj.flush(timeout=60).waiting == 0
        assert obj.outbox.counts().drafts == 0
        assert obj.outbox.counts().receipted == 1
        assert obj.status().secure_hardware is False
        del sent
    signing = x509.load_pem_x509_certificate((folder / "signing.pem").read_bytes())
    transport = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    assert signing.subject == transport.subject
    assert signing.public_key() != transport.public_key()


def test_a_man_in_the_middle_hears_nothing(paired: Path, tmp_path: Path) -> None:
    """A server of another CA, under the right name: the handshake fails before a byte is said."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert"), "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    root = x509.load_pem_x509_certificate((paired / "ca.pem").read_bytes()).public_bytes(Encoding.DER)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    with context.wrap_socket(connection, server_side=True) as tls:
                        heard.append(tls.recv(100))
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        https = Https(f"https://localhost:{server.getsockname()[1]}", client_context([root]))
        with pytest.raises(IdentityError):
            https.intake(b"envelope")
        https.close()
        thread.join()
    assert heard in ([], [b""])


@pytest.mark.parametrize("fault", [Fault.NO_CLOCK, Fault.CLOCK_DRIFT, Fault.REPLAY])
def test_an_object_at_fault_still_gets_its_receipts(paired: Path, fault: Fault) -> None:
    """A wrong clock or a replay is the platform's to flag: nothing is lost, and nothing is stored twice."""
    thing = VirtualObject("glucose", patient_no=1, faults={fault}, speed=600)
    with Object.open(paired, transport="https", clock=thing.clock()) as obj:
        stop, count = threading.Event(), [0]

        def sent(_: Readings) -> None:
            count[0] += 1
            if count[0] == 4:
                stop.set()

        run(obj, thing, stop, sent=sent)
        assert obj.flush(timeout=60).waiting == 0
        counts = obj.outbox.counts()
    assert (counts.receipted, counts.dead) == (4, 0)


SENDER = """
import sys
from pathlib import Path
from egide.things import Object
from egide.measure.readings import Readings, Series
with Object.open(Path(sys.argv[1])) as obj:
    n = 0
    while True:
        series = Series(code="99504-3", unit="mg/dL", times=0, exponent=0, values=(90 + n % 40,))
        sent = obj.send(Readings(t0_ms=obj.clock.now_ms(), series=(series,)))
        print(sent.seq, sent.digest.hex(), flush=True)
        n += 1
"""


def test_an_object_killed_at_any_moment_loses_nothing_it_kept(paired: Path, seed: int) -> None:
    """kill -9, twenty times, while it signs and sends: all that `send` returned is receipted in the end."""
    chance = Random(seed)
    kept: dict[int, str] = {}
    for _ in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", SENDER, str(paired)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        end = time.monotonic() + chance.random() * 0.4
        timer = threading.Timer(end - time.monotonic(), process.send_signal, [signal.SIGKILL])
        timer.start()
        for line in [first, *process.stdout]:
            if line.endswith("\n") and line.strip():
                seq, digest = line.split()
                assert kept.setdefault(int(seq), digest) == digest, "a number left the object twice"
        process.wait()
        process.stdout.close()
        timer.join()
    with Object.open(paired) as obj:
        assert obj.flush(timeout=120).waiting == 0
        found = {item.seq: item.digest.hex() for item in obj.outbox.items(State.RECEIPTED)}
        assert obj.outbox.counts().dead == 0
    assert len(kept) > 20
    assert {seq: found.get(seq) for seq in kept} == kept
