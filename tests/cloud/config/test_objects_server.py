"""The objects' listener gives each request its time and no more, and says what stops it."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from egide.cloud.config import objects_worker
from egide.cloud.config.initialise import make_keys
from egide.cloud.config.objects_server import keep_connections, tls_context
from egide.cloud.config.objects_worker import Deadlines, source_of
from egide.cloud.config.sockets import listening_socket
from egide.cloud.options import Options
from egide.errors import ConfigError, KeyMissingError

NOW = 1_800_000_000_000


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    folder = tmp_path_factory.mktemp("platform")
    made = Options(data=folder / "data", keys=folder / "keys")
    make_keys(made, now_ms=NOW)
    return made


class Connection:
    """What the worker watches: its socket may change (plain, then TLS)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock


def test_a_connection_that_takes_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends a byte now and then holds a thread for a limited time; the quick ones are left alone."""
    monkeypatch.setattr(objects_worker, "REQUEST_S", 0.0)
    deadlines = Deadlines()
    deadlines.start()
    slow, its_client = socket.socketpair()
    quick, other_client = socket.socketpair()
    with slow, its_client, quick, other_client:
        with deadlines.watch(Connection(quick)):
            pass
        with deadlines.watch(Connection(slow)):
            assert slow.recv(1) == b""  # returns because the deadline shut the socket
        other_client.sendall(b"x")
        assert quick.recv(1) == b"x"


def test_the_context_speaks_tls_1_3_and_asks_for_a_certificate(options: Options) -> None:
    """No lower version, no ticket, a certificate that is optional and checked strictly."""
    context = tls_context(options)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert (context.num_tickets, bool(context.options & ssl.OP_NO_TICKET)) == (0, True)
    assert len(context.get_ca_certs()) == 2


def test_keys_that_do_not_fit_stop_the_start(options: Options, tmp_path: Path) -> None:
    """Another key than the certificate's, or noise in place of the CA, is said before anything listens."""
    another = (options.keys / "ca-root.key").read_bytes()
    for name, content in (("tls.key", another), ("ca-root.pem", b"noise")):
        broken = replace(options, keys=tmp_path / name)
        broken.keys.mkdir()
        for file in ("tls.pem", "tls.key", "ca-root.pem", "ca-issuing.pem"):
            (broken.keys / file).touch(0o600)
            (broken.keys / file).write_bytes(content if file == name else (options.keys / file).read_bytes())
        with pytest.raises(ConfigError):
            tls_context(broken)
    with pytest.raises(KeyMissingError):
        tls_context(replace(options, keys=tmp_path))


@pytest.mark.server
def test_a_busy_port_is_named() -> None:
    """And IPv6 works, with or without its brackets."""
    with listening_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            listening_socket("127.0.0.1", port)
    with listening_socket("[::1]", 0) as sixth:
        assert sixth.family is socket.AF_INET6


def test_a_source_is_an_address_or_a_network() -> None:
    """As for claims: an IPv6 host cannot become many by changing its address."""
    assert source_of(("192.0.2.1", 1)) == source_of(("192.0.2.1", 2)) != source_of(("192.0.2.2", 1))
    assert source_of(("2001:db8::1", 1, 0, 0)) == source_of(("2001:db8::2%eth0", 1, 0, 0))
    assert source_of(("::ffff:192.0.2.1", 1, 0, 0)) != source_of(("::ffff:192.0.2.2", 1, 0, 0))
    assert source_of("") == source_of(("a path", 0)) == ""


def test_threads_that_last_keep_their_connection_to_a_server(tmp_path: Path) -> None:
    """A minute, and looked at before use; a file needs none of it, nor do the people's listener's short threads."""
    server, file = Options(database_url="postgresql://localhost/egide").database(), Options(data=tmp_path).database()
    assert server["CONN_MAX_AGE"] == 0
    keep_connections(server)
    keep_connections(file)
    assert (server["CONN_MAX_AGE"], server["CONN_HEALTH_CHECKS"]) == (60, True)
    assert not file.get("CONN_MAX_AGE")
