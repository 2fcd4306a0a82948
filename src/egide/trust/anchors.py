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
import tomllib
from dataclasses import dataclass
from typing import Any, Final

from egide.errors import MalformedError, TooLargeError, decoding
from egide.trust.cose import PublicKey
from egide.trust.envelope import uuid_of
from egide.trust.identity import ca_pin, parse_certificate
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import COSIGNATURE, LOG, VerifierKey, decode_base64

__all__ = ["Anchors", "LogAnchor"]

_VERSION: Final = 1
_MAX_ENTRIES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAnchor:
    """A log whose receipts and checkpoints are believed. `public` is its Ed25519 key, 32 bytes."""

    origin: str
    uri: str
    public: bytes

    def __post_init__(self) -> None:
        """Raises MalformedError when a part has not its form."""
        if not self.origin.isascii():
            raise MalformedError("a log's origin is ASCII")
        uuid_of(self.uri)
        VerifierKey(name=self.origin, kind=LOG, public=self.public)

    @property
    def verifier(self) -> VerifierKey:
        """The key that signs the log's checkpoints (C2SP signed-note)."""
        return VerifierKey(name=self.origin, kind=LOG, public=self.public)

    @property
    def key(self) -> PublicKey:
        """The key that signs the log's receipts; it is the same."""
        return self.verifier.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What is trusted. `roots` are DER certificates of CA roots; `witnesses` keys of kind COSIGNATURE."""

    roots: tuple[bytes, ...]
    logs: tuple[LogAnchor, ...] = ()
    witnesses: tuple[VerifierKey, ...] = ()

    def __post_init__(self) -> None:
        """Raises MalformedError when an entry has not its form or stands twice, or a kind has over 64."""
        kinds: tuple[tuple[Any, ...], ...] = (
            self.roots, tuple(log.origin for log in self.logs), tuple(log.uri for log in self.logs),
            tuple(witness.name for witness in self.witnesses),
        )
        for kind in kinds:
            if len(kind) > _MAX_ENTRIES or len(set(kind)) != len(kind):
                raise MalformedError("anchors hold each entry once, and 64 of a kind at most")
        if any(witness.kind != COSIGNATURE for witness in self.witnesses):
            raise MalformedError("a witness's key is of type 04")
        self.root_pins()

    def log(self, uri: str) -> LogAnchor | None:
        """The log of this URI, when it is trusted."""
        return next((log for log in self.logs if log.uri == uri), None)

    def witness(self, name: str) -> VerifierKey | None:
        """The witness of this name, when it is trusted."""
        return next((witness for witness in self.witnesses if witness.name == name), None)

    def root_pins(self) -> tuple[bytes, ...]:
        """SHA-256 of each root's SubjectPublicKeyInfo: what the enrolment's QR code carries."""
        return tuple(ca_pin(parse_certificate(root)) for root in self.roots)

    def dump(self) -> bytes:
        """The TOML text, always the same for the same anchors."""
        lines = ["# What is trusted: certificate authorities, logs and witnesses.", f"version = {_VERSION}"]
        for root, pin in zip(self.roots, self.root_pins(), strict=True):
            lines += ["", "[[ca]]", f'spki_sha256 = "{pin.hex()}"', f'certificate = "{_base64(root)}"']
        for log in self.logs:
            lines += ["", "[[log]]", f"origin = {_quoted(log.origin)}"]
            lines += [f'uri = "{log.uri}"', f'key = "{_base64(log.public)}"']
        for witness in self.witnesses:
            lines += ["", "[[witness]]", f"vkey = {_quoted(witness.vkey)}"]
        return ("\n".join(lines) + "\n").encode()

    @classmethod
    def load(cls, data: bytes) -> Anchors:
        """Read untrusted TOML.

        Raises:
            TooLargeError: more than `LIMITS.anchors` bytes.
            MalformedError, IdentityError: not the form of this module's docstring, or a name unknown to it.
        """
        if len(data) > LIMITS.anchors:
            raise TooLargeError(f"the anchors are larger than {LIMITS.anchors} bytes")
        with decoding("the anchors"):
            table = tomllib.loads(data.decode())
        if type(table.get("version")) is not int or table["version"] != _VERSION:
            raise MalformedError("the anchors have no version, or one that this program does not know")
        if not table.keys() <= {"version", "ca", "log", "witness"}:
            raise MalformedError("the anchors have an entry that does not exist")
        return cls(
            roots=tuple(_root(row) for row in _rows(table, "ca", {"spki_sha256", "certificate"})),
            logs=tuple(
                LogAnchor(
                    origin=row["origin"], uri=row["uri"], public=decode_base64(row["key"], "a log's key")
                )
                for row in _rows(table, "log", {"origin", "uri", "key"})
            ),
            witnesses=tuple(VerifierKey.parse(row["vkey"]) for row in _rows(table, "witness", {"vkey"})),
        )


def _rows(table: dict[str, Any], name: str, keys: set[str]) -> list[dict[str, str]]:
    rows = table.get(name, [])
    if type(rows) is list and all(
        type(row) is dict and row.keys() == keys and set(map(type, row.values())) == {str} for row in rows
    ):
        return rows
    raise MalformedError(f"each [[{name}]] of the anchors has exactly these texts: {', '.join(sorted(keys))}")


def _root(row: dict[str, str]) -> bytes:
    der = decode_base64(row["certificate"], "a root certificate")
    if ca_pin(parse_certificate(der)).hex() != row["spki_sha256"]:
        raise MalformedError("a root certificate has not the key that spki_sha256 says")
    return der


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _quoted(text: str) -> str:
    """A TOML basic string of printable characters: only the quote and the backslash are escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
