"""curl and openssl, which know nothing of us, enrol, renew, check a list; and TLS holds what it promises.

The commands are those of docs/spec/enrolment.md, taken from the page itself.
"""

from __future__ import annotations

import base64
import os
import re
import select
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from egide.cloud.config.objects_worker import OPEN_PER_SOURCE
from egide.trust.claim import ClaimTicket, code_text
from egide.trust.cose import PublicKey
from tests.support.listener import Listener, free_port, run, running_listener, start
from tests.support.pki import TestPki, make_pki

pytestmark = [pytest.mark.server, pytest.mark.slow]

PAGE = Path(__file__).parents[2] / "docs/spec/enrolment.md"
CREATE = """
meter = create_object("Glucometer", 4, now)
ticket = create_claim(meter, 3_600_000, now)
result = [str(meter.pk), ticket.text()]
"""
FORGIVE = "from egide.cloud.fleet.models import ClaimAttempt; result = ClaimAttempt.objects.all().delete()[0]"


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    with running_listener(tmp_path_factory.mktemp("platform")) as running:
        yield running


def _commands(name: str) -> str:
    """The shell block that the page says is tested under this name."""
    found = re.search(rf"<!-- tested: {name} -->\n```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def _sh(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, env={**os.environ, **variables},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def _enrolled(listener: Listener, folder: Path, script: str | None = None) -> str:
    """Enrol a new object by the page's commands into `folder`; return its id."""
    object_id, text = listener.run(CREATE)
    done = _sh(script or _commands("enrol"), folder, **_variables(ClaimTicket.parse(text), text))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "object.pem: OK\n"
    return str(object_id)


def _variables(ticket: ClaimTicket, text: str) -> dict[str, str]:
    pin = re.search("ca=([^&]*)", text)
    assert pin is not None
    return {"URL": ticket.url, "PIN": pin[1], "CLAIM": ticket.claim_id, "CODE": code_text(ticket.code)}


@pytest.mark.parametrize("algorithm", ["EC -pkeyopt ec_paramgen_curve:P-256", "ED25519"])
def test_curl_and_openssl_enrol(listener: Listener, tmp_path: Path, algorithm: str) -> None:
    """From the ticket alone to a certificate that openssl verifies strictly, in the object's name."""
    script = _commands("enrol").replace("EC -pkeyopt ec_paramgen_curve:P-256", algorithm)
    object_id = _enrolled(listener, tmp_path, script)
    shown = _sh("openssl x509 -in object.pem -noout -subject -ext subjectAltName,extendedKeyUsage", tmp_path)
    assert f"CN = {object_id}" in shown.stdout
    assert f"URI:urn:uuid:{object_id}" in shown.stdout
    assert "TLS Web Client Authentication" in shown.stdout
    ours = _sh("openssl pkey -in object.key -pubout", tmp_path).stdout
    assert _sh("openssl x509 -in object.pem -noout -pubkey", tmp_path).stdout == ours


def test_a_server_that_the_ticket_does_not_pin_is_left(listener: Listener, tmp_path: Path) -> None:
    """With another pin, the commands stop before the code leaves the object."""
    _, text = listener.run(CREATE)
    variables = _variables(ClaimTicket.parse(text), text)
    done = _sh(_commands("enrol"), tmp_path, **{**variables, "PIN": "A" * 43})
    assert done.returncode != 0
    assert not (tmp_path / "request.b64").exists()


def test_curl_renews(listener: Listener, tmp_path: Path) -> None:
    """The current certificate is enough, and a new key is allowed; the name stays."""
    object_id = _enrolled(listener, tmp_path)
    done = _sh(_commands("renew"), tmp_path, URL=listener.url)
    assert (done.returncode, done.stdout) == (0, "next.pem: OK\n"), done.stderr
    assert f"CN = {object_id}" in _sh("openssl x509 -in next.pem -noout -subject", tmp_path).stdout


def test_openssl_reads_the_list_and_refuses_the_revoked(listener: Listener, tmp_path: Path) -> None:
    """Before: OK. After: certificate revoked, and the listener refuses it too, at once."""
    object_id = _enrolled(listener, tmp_path)
    before = _sh(_commands("crl"), tmp_path, URL=listener.url)
    assert (before.returncode, before.stdout) == (0, "object.pem: OK\n"), before.stderr
    assert "verify OK" in before.stderr
    ask = (
        f"curl -sS --cacert root.pem --cert object.pem --key object.key {listener.url}/object"
        " -o answer -w %{http_code}"
    )
    assert _sh(ask, tmp_path).stdout == "200"
    listener.run(f"revoke_object(HealthObject.objects.get(pk='{object_id}'), 'stolen', now); result = 0")
    after = _sh(_commands("crl"), tmp_path, URL=listener.url)
    assert after.returncode != 0
    assert "certificate revoked" in after.stderr
    assert _sh(ask, tmp_path).stdout == "403"
    assert (tmp_path / "answer").read_text().startswith("certificate-revoked:")


def test_a_claim_works_once_for_curl_too(listener: Listener, tmp_path: Path) -> None:
    """A second object with the same ticket gets 401, and curl says so."""
    _, text = listener.run(CREATE)
    variables = _variables(ClaimTicket.parse(text), text)
    assert _sh(_commands("enrol"), tmp_path, **variables).returncode == 0
    done = _sh(_commands("enrol"), tmp_path, **variables)
    assert done.returncode != 0
    assert "401" in done.stderr


def _enrol_together(listener: Listener, tickets: list[str]) -> Counter[int]:
    """One new key for each ticket, all asking in the same instant: how many got which status."""
    context = ssl.create_default_context(cafile=str(listener.root))
    start = threading.Barrier(len(tickets))

    def enrol(text: str) -> int:
        ticket, key = ClaimTicket.parse(text), ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        body = base64.b64encode(request.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
        start.wait(20)
        return httpx.post(
            f"{listener.url}/.well-known/est/simpleenroll", content=body, verify=context, timeout=60,
            auth=(ticket.claim_id, code_text(ticket.code)),
        ).status_code  # fmt: skip

    with ThreadPoolExecutor(len(tickets)) as threads:
        return Counter(threads.map(enrol, tickets))


def test_many_at_once_with_one_claim_are_one_enrolment(listener: Listener) -> None:
    """Nine keys ask in the same instant: one gets a certificate, and the tables hold one."""
    object_id, text = listener.run(CREATE)
    assert _enrol_together(listener, [text] * 9) == {200: 1, 401: 8}
    assert listener.run(f"result = Certificate.objects.filter(object_id='{object_id}').count()") == 1
    listener.run(FORGIVE)


def test_a_ward_enrols_at_once_from_one_address(listener: Listener) -> None:
    """Thirty objects behind one address, each with its own claim: none is taken for a guesser."""
    tickets = listener.run(
        "result = [create_claim(create_object('Scale', 4, now), 60_000, now).text() for _ in range(30)]"
    )
    assert _enrol_together(listener, tickets) == {200: 30}


def _handshake(listener: Listener, context: ssl.SSLContext) -> bytes:
    """The status line that GET /crl gets through `context`, or the error of TLS."""
    context.load_verify_locations(listener.root)
    with socket.create_connection(("localhost", listener.port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            secured.sendall(b"GET /crl HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return secured.recv(15)


def _client(**changes: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def test_below_tls_1_3_there_is_no_handshake(listener: Listener, tmp_path: Path) -> None:
    """A downgrade ends in an alert: from our client, from curl and from openssl."""
    assert _handshake(listener, _client()) == b"HTTP/1.1 200 OK"
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        _handshake(listener, _client(maximum_version=ssl.TLSVersion.TLSv1_2))
    for command in (
        f"curl -sS --cacert {listener.root} --tls-max 1.2 {listener.url}/crl",
        f"openssl s_client -tls1_2 -connect localhost:{listener.port} </dev/null",
    ):
        done = _sh(command, tmp_path)
        assert done.returncode != 0
        assert "protocol version" in done.stderr


def test_a_plain_connection_gets_nothing(listener: Listener) -> None:
    """HTTP without TLS is not answered."""
    with socket.create_connection(("localhost", listener.port), timeout=20) as plain:
        plain.sendall(b"GET /crl HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in plain.recv(100)


def _identity(folder: Path, pki: TestPki, key: ec.EllipticCurvePrivateKey, leaf: x509.Certificate) -> Path:
    file = folder / "identity.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = [leaf, pki.issuing.certificate]
    file.write_bytes(private + b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    return file


def test_another_ca_s_certificate_fails_the_handshake(listener: Listener, tmp_path: Path) -> None:
    """It is not ignored as if none were shown: the connection ends."""
    pki, key = make_pki("Other"), ec.generate_private_key(ec.SECP256R1())
    leaf = pki.leaf(key=PublicKey(key.public_key()))
    context = _client()
    context.load_cert_chain(_identity(tmp_path, pki, key, leaf))
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        _handshake(listener, context)


EXPIRED = """
import base64
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from egide.cloud.fleet.ca import authority
from egide.trust.cose import PublicKey
from egide.trust.identity import issue_object
key = PublicKey(load_der_public_key(base64.b64decode("{spki}")))
leaf = issue_object(authority(), key, uri="urn:uuid:{object_id}", not_before_ms=now - 3_600_000,
                    not_after_ms=now - 1_000, serial=7)
result = [c.public_bytes(Encoding.PEM).decode() for c in (leaf, authority().certificate)]
"""


def test_an_expired_certificate_fails_and_coming_without_works(listener: Listener, tmp_path: Path) -> None:
    """So an object whose certificate expired leaves it away, and still reaches intake's door."""
    object_id = _enrolled(listener, tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    spki = base64.b64encode(PublicKey(key.public_key()).spki).decode()
    chain = listener.run(EXPIRED.format(spki=spki, object_id=object_id))
    file = tmp_path / "expired.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + "".join(chain).encode()
    )
    context = _client()
    context.load_cert_chain(file)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        _handshake(listener, context)
    without = _sh(
        f"curl -sS --cacert {listener.root} -H 'Content-Type: application/cose' --data-binary x"
        f" {listener.url}/intake -w %{{http_code}} -o answer",
        tmp_path,
    )
    assert without.stdout == "503"  # no intake runs in this test: keep the envelope
    assert (tmp_path / "answer").read_text().startswith("unavailable:")


def test_the_server_s_own_certificate_is_no_object(listener: Listener) -> None:
    """serverAuth is not clientAuth: a stolen server key opens no object's door."""
    context = _client()
    keys = listener.folder / "keys"
    context.load_cert_chain(keys / "tls.pem", keys / "tls.key")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        _handshake(listener, context)


def test_no_session_is_resumed(listener: Listener, tmp_path: Path) -> None:
    """A certificate is checked at each connection: the server gives no ticket to come back with."""
    done = _sh(
        f"(sleep 1; echo) | openssl s_client -connect localhost:{listener.port} -servername localhost"
        f" -CAfile {listener.root} -verify_return_error -sess_out session",
        tmp_path,
    )
    assert "New, TLSv1.3" in done.stdout, done.stderr
    assert "New Session Ticket" not in done.stdout


def test_a_header_beyond_measure_is_refused(listener: Listener, tmp_path: Path) -> None:
    """Lines, fields and their number are limited before any view runs."""
    curl = f"curl -sS --cacert {listener.root} {listener.url}/crl -o /dev/null -w %{{http_code}}"
    for extra, code in (
        ("-H X-Client-Cert:1", "200"),
        ("-H X-Long:" + "a" * 5_000, "431"),
        (" ".join(f"-H X-{i}:1" for i in range(40)), "431"),
        ("-H X_Client_Cert:1", "400"),
    ):
        assert _sh(f"{curl} {extra}", tmp_path).stdout == code


def test_openssl_checks_the_server_s_names(listener: Listener, tmp_path: Path) -> None:
    """localhost and 127.0.0.1 verify, another name does not."""
    where = f"-connect localhost:{listener.port} -CAfile {listener.root}"
    for name, code in (("hostname localhost", 0), ("ip 127.0.0.1", 0), ("hostname x", 1)):
        done = _sh(f"openssl s_client {where} -verify_return_error -verify_{name} </dev/null", tmp_path)
        assert done.returncode == code, done.stderr


def test_a_busy_port_is_said(listener: Listener) -> None:
    """Code 2, the port and a reason; no trace of Python."""
    process = start(listener.folder, listener.port)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert output == b""
    assert f"port {listener.port}" in errors.decode()
    assert "Traceback" not in errors.decode()


def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    """The keys folder is checked before anything listens."""
    port = free_port()
    run(tmp_path, port, "ensure_platform(options, now_ms=now); result = 0")
    (tmp_path / "keys" / "tls.key").chmod(0o644)
    process = start(tmp_path, port)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "key-missing" in errors.decode()
    assert "0600" in errors.decode()


@pytest.mark.skipif(not hasattr(socket, "SO_BINDTODEVICE"), reason="needs Linux's 127.0.0.0/8")
def test_a_source_that_stalls_starves_no_other(listener: Listener) -> None:
    """A hundred connections that begin a handshake and fall silent: another address is served at once."""
    stalled = []
    try:
        for _ in range(100):
            each = socket.create_connection(("127.0.0.1", listener.port), 20, ("127.0.0.2", 0))
            each.sendall(b"\x16")
            stalled.append(each)
        before = time.monotonic()
        assert _handshake(listener, _client()) == b"HTTP/1.1 200 OK"
        assert time.monotonic() - before < 5
    finally:
        for each in stalled:
            each.close()


def test_a_source_has_a_number_of_connections(listener: Listener) -> None:
    """Beyond it, new ones are closed at once, and another address still gets in."""
    held = []
    try:
        closed = 0
        for _ in range(OPEN_PER_SOURCE + 20):
            each = socket.create_connection(("127.0.0.1", listener.port), 20, ("127.0.0.3", 0))
            held.append(each)
        for each in held:
            each.setblocking(False)
        deadline = time.monotonic() + 10
        while closed < 20 and time.monotonic() < deadline:
            readable, _, _ = select.select(held, [], [], 0.5)
            closed = len(readable)
        assert closed == 20
        assert _handshake(listener, _client()) == b"HTTP/1.1 200 OK"
    finally:
        for each in held:
            each.close()
