"""The folder of an object: its key, its certificate, what it pinned, and its store. Mode 0700, files 0600.

object.json        the platform's address, the object's name, its pairings, where its key is
key.pem            the private key of its connections (and of its envelopes, unless a token signs them)
certificate.pem    its chain; signing.pem: the token key's chain, when a token signs
ca.pem, anchors.toml    what was pinned at enrolment
store.key, store.sqlite3    what it has to say, sealed
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from egide.errors import ConfigError, decoding
from egide.things.enrolment import Issued, read_chain
from egide.things.files import write
from egide.things.keys import FileSigner, TokenSigner
from egide.trust.anchors import Anchors
from egide.trust.cose import Signer
from egide.trust.envelope import uuid_of

__all__ = ["Folder", "State", "Token"]

_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Where a PKCS#11 key is: the library, the token's and the key's labels, and a file (0600) with the
    PIN.
    """

    module: str
    token: str
    label: str
    pin_file: str

    def signer(self, *, create: bool = False) -> TokenSigner:
        make = TokenSigner.create if create else TokenSigner
        return make(
            module=Path(self.module), token=self.token, label=self.label, pin_file=Path(self.pin_file)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """object.json."""

    url: str
    uuid: str
    pairings: tuple[str, ...] = ()
    mqtt: tuple[str, int] | None = None
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def key(self) -> Path:
        return self.path / "key.pem"

    @property
    def certificate(self) -> Path:
        return self.path / "certificate.pem"

    @property
    def signing(self) -> Path:
        return self.path / "signing.pem"

    @property
    def store(self) -> Path:
        return self.path / "store.sqlite3"

    @property
    def store_key(self) -> Path:
        return self.path / "store.key"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def enrolled(self) -> bool:
        return (self.path / "object.json").exists()

    def state(self) -> State:
        """Raises ConfigError when no object was enrolled here."""
        try:
            text = (self.path / "object.json").read_text()
        except OSError as err:
            raise ConfigError(
                "no object was enrolled in this folder: egide object enrol CLAIM --folder"
            ) from err
        with decoding("object.json"):
            table: dict[str, Any] = json.loads(text)
            if table.pop("version") != _VERSION:
                raise ConfigError("object.json was written by another version of Egide")
            token, mqtt = table.pop("token"), table.pop("mqtt")
            return State(
                url=str(table["url"]),
                uuid=uuid_of(f"urn:uuid:{table['uuid']}"),
                pairings=tuple(uuid_of(f"urn:uuid:{pairing}") for pairing in table["pairings"]),
                mqtt=None if mqtt is None else (str(mqtt[0]), int(mqtt[1])),
                token=None if token is None else Token(**token),
            )

    def keep_state(self, state: State) -> None:
        """Raises StorageError."""
        write(
            self.path / "object.json", json.dumps({"version": _VERSION, **asdict(state)}, indent=1).encode()
        )

    def root(self) -> bytes | None:
        """The CA root that was pinned (DER), or None."""
        try:
            return x509.load_pem_x509_certificate((self.path / "ca.pem").read_bytes()).public_bytes(
                Encoding.DER
            )
        except FileNotFoundError:
            return None

    def pin_root(self, root: bytes) -> None:
        pem = x509.load_der_x509_certificate(root).public_bytes(Encoding.PEM)
        write(self.path / "ca.pem", pem)

    def anchors(self) -> Anchors | None:
        try:
            return Anchors.load((self.path / "anchors.toml").read_bytes())
        except FileNotFoundError:
            return None

    def keep_anchors(self, anchors: Anchors) -> None:
        write(self.path / "anchors.toml", anchors.dump())

    def issued(self, path: Path, signer: Signer, root: bytes) -> Issued:
        """A certificate of ours, checked again but for its dates (they are the platform's to judge)."""
        with decoding(path.name):
            ders = [c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(path.read_bytes())]
            first = x509.load_der_x509_certificate(ders[0])
            start = int(first.not_valid_before_utc.timestamp() * 1000)
        return read_chain(ders, signer, [root], at_ms=start)

    def certificate_until_ms(self) -> int | None:
        """When the certificate that signs ends, by its own words; None without one."""
        path = self.signing if self.state().token is not None else self.certificate
        if not path.exists():
            return None
        with decoding(path.name):
            end = x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
        return int(end.timestamp() * 1000)

    def transport_signer(self) -> FileSigner:
        return FileSigner(self.key)

    def with_page(self, state: State, *, pairings: tuple[str, ...], mqtt: tuple[str, int] | None) -> State:
        """Keep what the platform says of the object, when it changed."""
        new = replace(state, pairings=pairings, mqtt=mqtt)
        if new != state:
            self.keep_state(new)
        return new
