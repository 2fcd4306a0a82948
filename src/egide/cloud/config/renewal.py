"""Renew what the servers and the issuing CA show, before it lapses: the same keys under new dates.

Whatever pinned the root goes on: the server's certificate keeps its key and its names, the issuing CA its key, its name
and its beginning, so what it issued before still chains to it. Nothing here extends the root (20 years), nor the
platform's signing certificate, which signed statements name by its hash.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from egide.cloud.config.initialise import ISSUING_DAYS, LEAF_DAYS, server_names, write_key
from egide.cloud.options import Options
from egide.errors import KeyMissingError, StorageError
from egide.trust.cose import PublicKey
from egide.trust.identity import Authority, issue_server, make_issuing

__all__ = ["RENEW_MS", "Renewed", "renew", "shown"]

DAY_MS: Final = 86_400_000
RENEW_MS: Final = 30 * DAY_MS
#: The issuing CA is renewed while what it issues can still live its whole life.
ISSUING_MS: Final = LEAF_DAYS * DAY_MS
_ISSUING, _SERVER = "ca-issuing", "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """A file of the keys folder that was written anew, and until when its certificate lasts."""

    name: str
    until_ms: int


def shown(options: Options) -> bytes:
    """What the servers show now, as one hash: another one wants them started again. Raises KeyMissingError."""
    files = (options.read_key(f"{name}.pem") for name in (_SERVER, _ISSUING))
    return hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in files)).digest()


def renew(options: Options, *, now_ms: int, everything: bool = False) -> list[Renewed]:
    """Renew what lasts under 30 days, or `everything`; the issuing CA too when it outlives no new server's certificate.

    Without the root's key in the keys folder the issuing CA stays as it is. Servers show the new certificate once they
    are started again, which `egide up` does by itself.

    Raises:
        KeyMissingError: a key or a certificate is missing. StorageError: the keys folder cannot be written.
    """
    done = []
    issuing, root = _certificate(options, _ISSUING), _certificate(options, "ca-root")
    if (everything or _until_ms(issuing) - now_ms < ISSUING_MS) and (options.keys / "ca-root.key").exists():
        made = _issuing(options, root, issuing, now_ms)
        if _until_ms(made) > _until_ms(issuing):
            done.append(_keep(options, _ISSUING, made))
            issuing = made
    server = _certificate(options, _SERVER)
    if everything or _until_ms(server) - now_ms < RENEW_MS:
        made = _server(options, issuing, now_ms)
        if _until_ms(made) > _until_ms(server):
            done.append(_keep(options, _SERVER, made, issuing))
    return done


def _issuing(options: Options, root: x509.Certificate, old: x509.Certificate, now_ms: int) -> x509.Certificate:
    until_ms = min(now_ms + ISSUING_DAYS * DAY_MS, _until_ms(root))
    since_ms = _ms(old.not_valid_before_utc)
    name = old.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    return make_issuing(
        Authority(certificate=root, key=_key(options, "ca-root")), str(name), _key(options, _ISSUING).public_key(),
        not_before_ms=since_ms, days=(until_ms - since_ms) // DAY_MS, serial=secrets.randbits(158) + 1,
    )  # fmt: skip


def _server(options: Options, issuing: x509.Certificate, now_ms: int) -> x509.Certificate:
    names, addresses = server_names(options)
    since_ms = max(now_ms - DAY_MS, _ms(issuing.not_valid_before_utc))
    return issue_server(
        Authority(certificate=issuing, key=_key(options, _ISSUING)), PublicKey(_key(options, _SERVER).public_key()),
        names=names, addresses=addresses, not_before_ms=since_ms,
        not_after_ms=min(since_ms + LEAF_DAYS * DAY_MS, _until_ms(issuing)), serial=secrets.randbits(158) + 1,
    )  # fmt: skip


def _keep(options: Options, name: str, *chain: x509.Certificate) -> Renewed:
    """Write a chain over the old one: the whole of one or of the other, whenever power goes."""
    new = f"{name}.pem.new"
    with suppress(FileNotFoundError):
        (options.keys / new).unlink()
    write_key(options.keys, new, b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    try:
        (options.keys / new).replace(options.keys / f"{name}.pem")
        folder = os.open(options.keys, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as err:
        raise StorageError(f"the key file {name}.pem cannot be written") from err
    return Renewed(name=f"{name}.pem", until_ms=_until_ms(chain[0]))


def _certificate(options: Options, name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(options.read_key(f"{name}.pem"))
    except ValueError as err:
        raise KeyMissingError(f"{name}.pem is not a certificate") from err


def _key(options: Options, name: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(options.read_key(f"{name}.key"), None)
    except (ValueError, TypeError) as err:
        raise KeyMissingError(f"{name}.key is not a key") from err
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyMissingError(f"{name}.key is not a P-256 key")
    return key


def _until_ms(certificate: x509.Certificate) -> int:
    return _ms(certificate.not_valid_after_utc)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
