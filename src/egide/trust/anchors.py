"""What a verifier trusts before it reads anything: CA roots, logs, witnesses (docs/spec/evidence.md).

A person receives this file once, at enrolment, and keeps it. It is TOML, to be read and compared by eye:

    version = 1
    [[ca]]
    spki_sha256 = "<64 hexadecimal digits: the value that the enrolment's QR code carries>"
    certificate = "<base64 of the DER root certificate>"
    [[log]]
    origin = "egide/log/<uuid>"
    uri = "urn:uuid:<uuid>"
    key = "<base64 of the 32 bytes of an Ed25519 public key>"
    [[witness]]
    vkey = "<name>+<key id>+<base64>"     # C2SP signed-note, a key of type 04 (Ed25519 cosignature)
"""

from __future__ import annotations

import base64
import hashlib
import tomllib
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from egide.errors import MalformedError, TooLargeError, decoding
from egide.trust.cose import PublicKey
from egide.trust.envelope import uuid_of
from egide.trust.limits import LIMITS

__all__ = ["Anchors", "LogAnchor", "WitnessKey"]

_VERSION: Final = 1
_MAX_ENTRIES: Final = 64
_COSIGNATURE_TYPE: Final = b"\x04"


def _base64(text: Any, what: str) -> bytes:
    """Strict base64: the one text that encodes these bytes."""
    if type(text) is str:
        with decoding(what):
            data = base64.b64decode(text, validate=True)
            if base64.b64encode(data).decode() == text:
                return data
    raise MalformedError(f"{what} is not base64 in its only form")


def _ed25519(raw: bytes, what: str) -> PublicKey:
    with decoding(what):
        return PublicKey(ed25519.Ed25519PublicKey.from_public_bytes(raw))


def _is_origin(origin: Any) -> bool:
    """A C2SP key name: printable ASCII without a space or a plus sign."""
    return (
        type(origin) is str and 0 < len(origin) <= LIMITS.uri
        and all("!" <= c <= "~" and c != "+" for c in origin)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAnchor:
    """A log whose receipts and checkpoints are believed. `public` is its Ed25519 key, 32 bytes."""

    origin: str
    uri: str
    public: bytes

    def __post_init__(self) -> None:
        """Raises MalformedError when a part has not its form."""
        if not _is_origin(self.origin):
            raise MalformedError("a log's origin is 1 to 128 printable ASCII characters, no space, no plus")
        uuid_of(self.uri)
        _ed25519(self.public, "a log's key")

    @property
    def key(self) -> PublicKey:
        return _ed25519(self.public, "a log's key")


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessKey:
    """A witness that is believed: its C2SP name and its Ed25519 key (32 bytes)."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Raises MalformedError when a part has not its form."""
        if not _is_origin(self.name):
            raise MalformedError("a witness's name is 1 to 128 printable ASCII characters, no space, no plus")
        _ed25519(self.public, "a witness's key")

    @property
    def key(self) -> PublicKey:
        return _ed25519(self.public, "a witness's key")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0A || 04 || key)[:4] (C2SP tlog-cosignature)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE_TYPE + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        blob = base64.b64encode(_COSIGNATURE_TYPE + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{blob}"

    @classmethod
    def parse(cls, vkey: Any) -> WitnessKey:
        """Read `<name>+<key id>+<base64>`. Raises MalformedError."""
        parts = vkey.split("+", 2) if type(vkey) is str else []
        if len(parts) == 3:
            blob = _base64(parts[2], "a witness's key")
            witness = cls(name=parts[0], public=blob[1:])
            if witness.vkey == vkey:
                return witness
        raise MalformedError("a witness's vkey is name+id+base64, of type 04, with the id of its key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What is trusted. `roots` are DER certificates of CA roots."""

    roots: tuple[bytes, ...]
    logs: tuple[LogAnchor, ...] = ()
    witnesses: tuple[WitnessKey, ...] = ()

    def __post_init__(self) -> None:
        """Raises MalformedError when an entry has not its form or stands twice, or a kind has over 64."""
        kinds: tuple[tuple[Any, ...], ...] = (
            self.roots, self.logs, self.witnesses,
            tuple(log.origin for log in self.logs), tuple(log.uri for log in self.logs),
            tuple(w.name for w in self.witnesses),
        )
        for kind in kinds:
            if len(kind) > _MAX_ENTRIES or len(set(kind)) != len(kind):
                raise MalformedError("anchors hold each entry once, and 64 of a kind at most")
        for root in self.roots:
            _root_spki(root)

    def log(self, uri: str) -> LogAnchor | None:
        """The log of this URI, when it is trusted."""
        return next((log for log in self.logs if log.uri == uri), None)

    def witness(self, name: str) -> WitnessKey | None:
        """The witness of this name, when it is trusted."""
        return next((witness for witness in self.witnesses if witness.name == name), None)

    def root_digests(self) -> tuple[bytes, ...]:
        """SHA-256 of each root's SubjectPublicKeyInfo: what the enrolment's QR code carries."""
        return tuple(hashlib.sha256(_root_spki(root)).digest() for root in self.roots)

    def dump(self) -> bytes:
        """The TOML text, always the same for the same anchors."""
        lines = ["# What is trusted: certificate authorities, logs and witnesses.", f"version = {_VERSION}"]
        for root, digest in zip(self.roots, self.root_digests(), strict=True):
            lines += ["", "[[ca]]", f'spki_sha256 = "{digest.hex()}"', f'certificate = "{_text(root)}"']
        for log in self.logs:
            lines += ["", "[[log]]", f"origin = {_quoted(log.origin)}"]
            lines += [f'uri = "{log.uri}"', f'key = "{_text(log.public)}"']
        for witness in self.witnesses:
            lines += ["", "[[witness]]", f"vkey = {_quoted(witness.vkey)}"]
        return ("\n".join(lines) + "\n").encode()

    @classmethod
    def load(cls, data: bytes) -> Anchors:
        """Read untrusted TOML.

        Raises:
            TooLargeError: more than `LIMITS.anchors` bytes.
            MalformedError: not the form of this module's docstring; an unknown name is refused.
        """
        if len(data) > LIMITS.anchors:
            raise TooLargeError(f"the anchors are larger than {LIMITS.anchors} bytes")
        with decoding("the anchors"):
            table = tomllib.loads(data.decode())
        if table.get("version") != _VERSION or type(table["version"]) is not int:
            raise MalformedError("the anchors have no version, or one that this program does not know")
        if not table.keys() <= {"version", "ca", "log", "witness"}:
            raise MalformedError("the anchors have an entry that does not exist")
        return cls(
            roots=tuple(
                _checked_root(_base64(row["certificate"], "a root certificate"), row["spki_sha256"])
                for row in _rows(table, "ca", {"spki_sha256", "certificate"})
            ),
            logs=tuple(
                LogAnchor(origin=row["origin"], uri=row["uri"], public=_base64(row["key"], "a log's key"))
                for row in _rows(table, "log", {"origin", "uri", "key"})
            ),
            witnesses=tuple(WitnessKey.parse(row["vkey"]) for row in _rows(table, "witness", {"vkey"})),
        )


def _rows(table: dict[str, Any], name: str, keys: set[str]) -> list[dict[str, Any]]:
    rows = table.get(name, [])
    if type(rows) is not list or any(type(row) is not dict or row.keys() != keys for row in rows):
        raise MalformedError(f"each [[{name}]] of the anchors has exactly: {', '.join(sorted(keys))}")
    return rows


def _root_spki(der: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a root. Raises MalformedError unless it is a CA's, in DER."""
    if len(der) > LIMITS.certificate:
        raise TooLargeError("a root certificate is too large")
    with decoding("a root certificate"):
        try:
            certificate = x509.load_der_x509_certificate(der)
            key = certificate.public_key()
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except (
            UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.ExtensionNotFound
        ) as err:
            raise MalformedError("a root certificate has a form that is not ours") from err
        if certificate.public_bytes(Encoding.DER) != der or not constraints.ca:
            raise MalformedError("a root certificate is not a certificate authority's, in DER")
        if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
            raise MalformedError("a root certificate's key is P-256 or Ed25519")
        return PublicKey(key).spki


def _checked_root(der: bytes, digest: Any) -> bytes:
    if hashlib.sha256(_root_spki(der)).hexdigest() != digest:
        raise MalformedError("a root certificate has not the key that spki_sha256 says")
    return der


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _quoted(text: str) -> str:
    r"""A TOML basic string of printable ASCII: only the quote and the backslash are escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
