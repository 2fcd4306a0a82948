"""Make a platform out of two empty folders: keys, tables, the register's genesis. Never twice over the same ones."""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from egide.cloud.options import Options
from egide.errors import ConfigError, StorageError
from egide.trust.cose import PublicKey
from egide.trust.identity import Authority, issue_platform, issue_server, make_issuing, make_root
from egide.trust.seal import Suite, derive_pair, seed_bytes

__all__ = ["ensure_platform", "make_keys", "require_kind", "server_names", "write_key"]

ROOT_DAYS = 20 * 365
ISSUING_DAYS = 10 * 365
LEAF_DAYS = 3 * 365
_DAY_MS = 86_400_000


def write_key(folder: Path, name: str, data: bytes) -> None:
    """Write a file of mode 0600 that did not exist, and make it durable. Raises StorageError."""
    try:
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        raise StorageError(f"the key file {name} cannot be written") from err


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _chain(*certificates: x509.Certificate) -> bytes:
    return b"".join(c.public_bytes(Encoding.PEM) for c in certificates)


def _serial() -> int:
    return secrets.randbits(158) + 1


def make_keys(options: Options, *, now_ms: int) -> None:
    """Fill an empty keys folder, all at once. Raises StorageError, ConfigError: nothing is left half made."""
    home = options.keys
    folder = home.with_name(f"{home.name}.new")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        left = [p.name for p in home.iterdir()]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    except OSError as err:
        raise StorageError("the keys folder cannot be made") from err
    if left:
        raise ConfigError("the keys folder is not empty and not complete: move it away, or restore its kek.json")
    try:
        _fill(replace(options, keys=folder), now_ms)
        folder.rename(home)  # over the empty one: whole or not at all
    except OSError as err:
        raise StorageError("the keys cannot be written") from err


def _fill(options: Options, now_ms: int) -> None:
    from egide.cloud.fleet.broker.secrets import make_broker_secrets, write_broker_secrets
    from egide.cloud.keys.provider import make_kek_file

    folder = options.keys
    _make_identities(options, now_ms)
    seed = os.urandom(seed_bytes(Suite.X25519))
    write_key(folder, "log-1.key", os.urandom(32))
    write_key(folder, "web.key", os.urandom(32))
    write_key(folder, "quarantine.key", seed)
    write_key(folder, "quarantine.pub", derive_pair(Suite.X25519, seed))
    write_broker_secrets(folder / "broker.json", make_broker_secrets())
    write_key(folder, "kek.json", make_kek_file(os.urandom(32)))


def _make_identities(options: Options, now_ms: int) -> None:
    """Root, issuing CA, the platform's signing key and the servers' certificate."""
    folder, start = options.keys, now_ms - _DAY_MS
    root_key, issuing_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = Authority(
        certificate=make_root("Egide root", root_key, not_before_ms=start, days=ROOT_DAYS, serial=_serial()),
        key=root_key,
    )
    issuing_certificate = make_issuing(
        root, "Egide issuing", issuing_key.public_key(), not_before_ms=start, days=ISSUING_DAYS, serial=_serial()
    )
    issuing = Authority(certificate=issuing_certificate, key=issuing_key)
    platform_key = ed25519.Ed25519PrivateKey.generate()
    until = start + LEAF_DAYS * _DAY_MS
    platform = issue_platform(
        issuing, PublicKey(platform_key.public_key()), uri=f"urn:uuid:{uuid.uuid4()}",
        not_before_ms=start, not_after_ms=until, serial=_serial(),
    )  # fmt: skip
    tls_key = ec.generate_private_key(ec.SECP256R1())
    names, addresses = server_names(options)
    tls = issue_server(
        issuing, PublicKey(tls_key.public_key()), names=names, addresses=addresses,
        not_before_ms=start, not_after_ms=until, serial=_serial(),
    )  # fmt: skip
    write_key(folder, "ca-root.key", _pem(root_key))
    write_key(folder, "ca-root.pem", _chain(root.certificate))
    write_key(folder, "ca-issuing.key", _pem(issuing_key))
    write_key(folder, "ca-issuing.pem", _chain(issuing_certificate))
    write_key(folder, "platform.key", _pem(platform_key))
    write_key(folder, "platform.pem", _chain(platform, issuing_certificate))
    write_key(folder, "tls.key", _pem(tls_key))
    write_key(folder, "tls.pem", _chain(tls, issuing_certificate))


def server_names(options: Options) -> tuple[list[str], list[str]]:
    """The DNS names and the addresses that the servers' certificate is for: those of the settings, and this machine."""
    names, addresses = ["localhost"], ["127.0.0.1", "::1"]
    try:
        addresses.append(str(ipaddress.ip_address(options.public_host)))
    except ValueError:
        if options.public_host not in names:
            names.insert(0, options.public_host)
    return names, addresses


def ensure_platform(options: Options, *, now_ms: int, say: Callable[[str], None] = lambda _: None) -> None:
    """Make what is missing: keys, tables, genesis. Raises ConfigError, StorageError; changes nothing that exists."""
    try:
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = options.data / ".writable"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as err:
        raise StorageError(f"the data folder cannot be written: {err.strerror}") from err
    if not (options.keys / "kek.json").exists():
        if (options.data / "egide.sqlite3").exists():
            raise ConfigError("there is data but no key file: put the keys folder back (egide makes none over data)")
        say("making keys")
        make_keys(options, now_ms=now_ms)
    _migrate()
    _open_first_log(options, now_ms, say)
    require_kind(options)
    _finish_erasure(now_ms, say)


def _finish_erasure(now_ms: int, say: Callable[[str], None]) -> None:
    from egide.cloud.governance.erasure import finish

    if finish(now_ms=now_ms):
        say("an erasure that was interrupted is done")


def _migrate() -> None:
    from django.core.management import call_command
    from django.db.utils import OperationalError

    try:
        call_command("migrate", verbosity=0, interactive=False)
    except OperationalError as err:
        raise StorageError("the database cannot be opened or changed") from err


def require_kind(options: Options) -> None:
    """Raises ConfigError when a demo is to open a real store, or the other way round."""
    from egide.cloud.register.models import Store

    made_for = Store.objects.first()
    if (made_for is not None and made_for.demo) is not options.demo:
        raise ConfigError(
            "this store was not made for a demo: give the demo a folder of its own"
            if options.demo
            else "this store was made for a demo: its people are invented, so nothing else opens it"
        )


def _open_first_log(options: Options, now_ms: int, say: Callable[[str], None]) -> None:
    from egide.cloud.register.epochs import open_log
    from egide.cloud.register.models import Log, Store
    from egide.cloud.register.platform import log_signer

    if not Log.objects.exists():
        say("opening the register")
        Store.objects.update_or_create(pk=1, defaults={"demo": options.demo})
        open_log(log_signer(1).public_key, now_ms=now_ms)
