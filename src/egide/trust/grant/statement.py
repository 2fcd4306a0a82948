"""The statement that a person signs when they grant, join research or withdraw (docs/spec/consent.md is the norm).

    consent = [1, kind, grant, patient, signer, reader kind, reader, [+ family], period, purpose, until,
               previous, nonce, at, shown, place]

One encoding (`Consent.encode`); `Consent.decode` checks form and ranges and nothing else. What the passkey signs is
`challenge_of` that encoding, so the text that was shown, its version, the grant, the moment and the statement before
it are all under the signature.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

from egide import cbor
from egide.errors import MalformedError
from egide.trust.envelope import uuid_of
from egide.trust.limits import LIMITS
from egide.trust.webauthn import Place

__all__ = [
    "GRANT", "MAX_SIGNING_MS", "READERS", "RESEARCH", "WITHDRAWAL", "Consent", "Named", "Period", "Shown",
    "challenge_of",
]

GRANT: Final = "grant"
RESEARCH: Final = "research"
WITHDRAWAL: Final = "withdrawal"
#: Who may be let in: a person, everybody of a team or an establishment, a program.
READERS: Final = ("person", "team", "establishment", "app")
#: From the moment that the statement was written until it is in the register.
MAX_SIGNING_MS: Final = 600_000
_TAG: Final = b"egide consent v1\x00"
_VERSION: Final = 1
_MAX_MS: Final = 2**45
_APP: Final = re.compile(r"app:[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FAMILY: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_PURPOSE: Final = re.compile(r"[A-Z][A-Z0-9]{1,15}")
_TEXT_VERSION: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,31}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_MAX_FAMILIES: Final = 32
_MAX_TEXT: Final = 6_000  # characters
_MAX_NAME: Final = 160
_FRENCH_SPACES: Final = str.maketrans("\u00a0\u202f", "  ")


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody or something, by the identifier that holds and the name that the screen showed."""

    uri: str  # urn:uuid:..., or app: and the identifier of a program
    name: str

    def __post_init__(self) -> None:
        """Raises MalformedError when a part has not its form."""
        if not _APP.fullmatch(self.uri):
            uuid_of(self.uri)
        if len(self.name) > _MAX_NAME or not _printable(self.name):
            raise MalformedError("a name has 1 to 160 printable characters")


@dataclass(frozen=True, slots=True)
class Period:
    """From `since_ms` until just before `until_ms`, ms since 1970; None is open."""

    since_ms: int | None
    until_ms: int | None

    def __post_init__(self) -> None:
        """Raises MalformedError for a time out of range, or an end that is not after the beginning."""
        since, until = self.since_ms, self.until_ms
        if not (_is_time(since, or_none=True) and _is_time(until, or_none=True)):
            raise MalformedError("a period's ends are ms since 1970, or null")
        if since is not None and until is not None and since >= until:
            raise MalformedError("a period ends after it begins")


@dataclass(frozen=True, slots=True)
class Shown:
    """The text that the person was asked to read, whole; its version; its language (BCP 47)."""

    text: str
    version: str
    language: str

    def __post_init__(self) -> None:
        """Raises MalformedError when a part has not its form."""
        lines = self.text.split("\n")
        if len(self.text) > _MAX_TEXT or not self.text or not all(line == "" or _printable(line) for line in lines):
            raise MalformedError("the text shown has 1 to 6,000 characters that print")
        if not _TEXT_VERSION.fullmatch(self.version) or not _LANGUAGE.fullmatch(self.language):
            raise MalformedError("the text shown has a version and a language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A grant, a part in research, or a withdrawal: who lets whom see what, for what, until when; how it was asked."""

    kind: str  # GRANT, RESEARCH or WITHDRAWAL
    grant: str  # urn:uuid:..., the same for a grant and its withdrawal; of research, who takes part in it once
    patient: Named
    signer: Named  # the patient, or who represents them
    reader_kind: str  # of READERS
    reader: Named
    families: tuple[str, ...]  # of metrics, in alphabetical order
    period: Period  # of the data
    purpose: str  # HL7 v3 PurposeOfUse
    until_ms: int | None  # the grant's end; None: until withdrawn. None for a withdrawal
    previous: bytes | None  # SHA-256 of what was signed for this patient before; None: nothing was
    nonce: bytes  # 16 random bytes: they hide the statement behind its hash
    at_ms: int
    shown: Shown
    place: Place

    def __post_init__(self) -> None:
        """Raises MalformedError when a part is out of its range or order."""
        for uri in (self.grant, self.patient.uri, self.signer.uri):
            uuid_of(uri)
        if (self.reader_kind == "app") != self.reader.uri.startswith("app:"):
            raise MalformedError("a program is named app:, anything else urn:uuid:")
        if self.kind not in (GRANT, RESEARCH, WITHDRAWAL) or self.reader_kind not in READERS:
            raise MalformedError("a consent is a grant, research or a withdrawal, to a reader of a known kind")
        if not 0 < len(self.families) <= _MAX_FAMILIES or list(self.families) != sorted(set(self.families)):
            raise MalformedError("a consent names 1 to 32 metric families, in alphabetical order")
        if not all(_FAMILY.fullmatch(family) for family in self.families) or not _PURPOSE.fullmatch(self.purpose):
            raise MalformedError("a consent's families and purpose are codes")
        if len(self.nonce) != 16 or (self.previous is not None and len(self.previous) != 32):
            raise MalformedError("a consent has a nonce of 16 bytes, and a hash of 32 or null before it")
        if not _is_time(self.at_ms) or not _is_time(self.until_ms, or_none=True):
            raise MalformedError("a consent's times are ms since 1970")
        if self.kind == RESEARCH and self.until_ms is None:
            raise MalformedError("research has an end")
        if self.until_ms is not None and (self.kind == WITHDRAWAL or self.until_ms <= self.at_ms):
            raise MalformedError("a grant ends after it was written; a withdrawal has no end")

    def encode(self) -> bytes:
        """The statement's bytes: always the same for the same statement."""
        return cbor.encode([
            _VERSION, self.kind, self.grant, _pair(self.patient), _pair(self.signer), self.reader_kind,
            _pair(self.reader), list(self.families), [self.period.since_ms, self.period.until_ms], self.purpose,
            self.until_ms, self.previous, self.nonce, self.at_ms,
            [self.shown.text, self.shown.version, self.shown.language], [self.place.rp, self.place.origin],
        ])

    @classmethod
    def decode(cls, data: bytes) -> Consent:
        """Read untrusted bytes. Raises TooLargeError, MalformedError."""
        match cbor.decode(data, limit=LIMITS.consent, what="a consent"):
            case [
                int(version), str(kind), str(grant), [str(patient), str(patient_name)],
                [str(signer), str(signer_name)], str(reader_kind), [str(reader), str(reader_name)],
                list(families), [since, until], str(purpose), end, bytes() | None as previous, bytes(nonce), at,
                [str(text), str(text_version), str(language)], [str(rp), str(origin)],
            ] if version == _VERSION and type(version) is int and all(type(code) is str for code in families):
                return cls(
                    kind=kind, grant=grant, patient=Named(patient, patient_name),
                    signer=Named(signer, signer_name), reader_kind=reader_kind, reader=Named(reader, reader_name),
                    families=tuple(families), period=Period(since, until), purpose=purpose, until_ms=end,
                    previous=previous, nonce=nonce, at_ms=at, shown=Shown(text, text_version, language),
                    place=Place(rp, origin),
                )
        raise MalformedError("a consent is not the specification's, version 1")


def challenge_of(statement: bytes) -> bytes:
    """What a passkey is asked to sign for an encoded statement: 32 bytes that nothing else asks for."""
    return hashlib.sha256(_TAG + statement).digest()


def _pair(named: Named) -> list[str]:
    return [named.uri, named.name]


def _is_time(value: Any, *, or_none: bool = False) -> bool:
    return (value is None and or_none) or (type(value) is int and 0 <= value <= _MAX_MS)


def _printable(text: str) -> bool:
    """No control, no mark that turns the direction; French needs its two no-break spaces."""
    return text != "" and text.translate(_FRENCH_SPACES).isprintable()
