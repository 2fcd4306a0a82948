"""Checkpoints: the tree head as a signed note that logs and witnesses exchange (C2SP).

Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature. A note is

    <origin>\\n<size>\\n<base64 of the root>\\n[<extension>\\n]*       the text that is signed
    \\n
    [— <key name> <base64 of (key id, 4 bytes || signature)>\\n]+

Two kinds of key sign here: a log's (type 01, over the text) and a witness's (type 04, over a header with the
time, then the text). Reading is strict: what was read encodes to the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ed25519

from egide.errors import MalformedError, ProofError, SignatureError, TooLargeError, decoding
from egide.trust.cose import EDDSA, PublicKey, Signer
from egide.trust.limits import LIMITS
from egide.trust.register.tree import HASH_SIZE, MAX_SIZE, TreeHead

__all__ = [
    "COSIGNATURE", "LOG", "Checkpoint", "Cosignature", "NoteSignature", "SignedNote", "VerifierKey", "cosign",
    "decode_base64", "decode_decimal", "sign_checkpoint", "verify_checkpoint", "verify_cosignatures",
]

LOG: Final = 1  # C2SP signature type: Ed25519 over the text
COSIGNATURE: Final = 4  # C2SP signature type: Ed25519 over cosignature/v1
_DASH: Final = "\u2014 "
_MAX_TIME_S: Final = 2**63 - 1


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 in its only form. Raises MalformedError."""
    with decoding(what):
        data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise MalformedError(f"{what} is not base64 in its only form")
    return data


def decode_decimal(text: str, what: str) -> int:
    """A decimal of at most 63 bits, with no leading zero. Raises MalformedError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or (len(text) > 1 and text[0] == "0"):
        raise MalformedError(f"{what} is a decimal number with no leading zero")
    number = int(text)
    if number > MAX_SIZE:
        raise MalformedError(f"{what} is out of range")
    return number


def _require_name(name: str) -> None:
    if not 0 < len(name) <= LIMITS.uri or "+" in name or not name.isprintable() or any(map(str.isspace,
    name)):
        raise MalformedError("a key's name is 1 to 128 printable characters, no space and no plus")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A key that signs notes: its name, its kind (`LOG` or `COSIGNATURE`) and its 32 Ed25519 bytes."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        """Raises MalformedError when a part has not its form."""
        _require_name(self.name)
        if self.kind not in (LOG, COSIGNATURE) or len(self.public) != 32:
            raise MalformedError("a note is signed by Ed25519 keys, of type 01 (log) or 04 (witness)")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0A || type || key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.kind,)) + self.public).digest()[:4]

    @property
    def key(self) -> PublicKey:
        with decoding("a verifier key"):
            return PublicKey(ed25519.Ed25519PublicKey.from_public_bytes(self.public))

    @property
    def vkey(self) -> str:
        """`<name>+<key id, hexadecimal>+<base64 of (type || key)>`."""
        blob = base64.b64encode(bytes((self.kind,)) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{blob}"

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Read a vkey. Raises MalformedError."""
        parts = vkey.split("+", 2)
        if len(parts) == 3:
            blob = decode_base64(parts[2], "a verifier key")
            if blob:
                made = cls(name=parts[0], kind=blob[0], public=blob[1:])
                if made.vkey == vkey:
                    return made
        raise MalformedError("a verifier key is <name>+<key id>+<base64>")

    def signed(self, note: SignedNote) -> list[bytes]:
        """What this key signed `note` with: the bytes after the key id, of each of its lines, unverified."""
        return [s.blob for s in note.signatures if s.name == self.name and s.key_id == self.key_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One line under a note: `blob` is the signature, or time and signature, that follows the key id."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.blob).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> NoteSignature:
        """Read one line, without its newline. Raises MalformedError."""
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != _DASH[0]:
            raise MalformedError("a signature line is a dash, a name and base64")
        _require_name(parts[1])
        data = decode_base64(parts[2], "a note's signature")
        if len(data) <= 4:
            raise MalformedError("a note's signature follows a key id of 4 bytes")
        return cls(name=parts[1], key_id=data[:4], blob=data[4:])


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedNote:
    """A note that was read; no signature was looked at."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, data: bytes) -> SignedNote:
        """Read untrusted bytes. Raises TooLargeError, MalformedError."""
        if len(data) > LIMITS.checkpoint:
            raise TooLargeError("a checkpoint is too large")
        with decoding("a note"):
            note = data.decode()
        if any(c < " " and c != "\n" for c in note):
            raise MalformedError("a note has no control character")
        body, separator, lines = note.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise MalformedError("a note is a text, an empty line, and signature lines")
        return cls(text=(body + "\n").encode(), signatures=cls.parse_lines(lines))

    @staticmethod
    def parse_lines(lines: str) -> tuple[NoteSignature, ...]:
        """Read signature lines, each with its newline: those under a note, or a witness's answer.

        Raises:
            MalformedError: one is not a signature line, or there are more than 17 (a log and 16 witnesses).
        """
        rows = lines.split("\n")
        if rows.pop() != "" or not 0 < len(rows) <= LIMITS.cosignatures + 1:
            raise MalformedError("a note has 1 to 17 signature lines")
        return tuple(NoteSignature.parse(row) for row in rows)

    def with_lines(self, lines: Iterable[NoteSignature]) -> SignedNote:
        """This note with more signature lines; one that it has already is not repeated."""
        more = dict.fromkeys((*self.signatures, *lines))
        return SignedNote(text=self.text, signatures=tuple(more))

    def encode(self) -> bytes:
        return self.text + b"\n" + "".join(s.line for s in self.signatures).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log says of itself. `extensions`: further lines, which some logs write and ours does not."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def head(self) -> TreeHead:
        return TreeHead(self.size, self.root)

    def encode(self) -> bytes:
        """The text that is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions)).encode()

    @classmethod
    def parse(cls, text: bytes) -> Checkpoint:
        """Read a note's text. Raises MalformedError."""
        with decoding("a checkpoint"):
            lines = text.decode().split("\n")
        if len(lines) < 4 or lines.pop() != "" or "" in lines:
            raise MalformedError("a checkpoint is an origin, a size and a root, a line each")
        origin, size, root, *extensions = lines
        _require_name(origin)
        digest = decode_base64(root, "a checkpoint's root")
        if len(digest) != HASH_SIZE:
            raise MalformedError("a checkpoint's root has 32 bytes")
        count = decode_decimal(size, "a checkpoint's size")
        return cls(origin=origin, size=count, root=digest, extensions=tuple(extensions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A witness saw this checkpoint, consistent with all that it saw before, at `time_s` (seconds since
    1970)."""

    witness: str
    time_s: int


def sign_checkpoint(head: TreeHead, *, origin: str, signer: Signer) -> bytes:
    """The log's checkpoint, signed by its Ed25519 key.

    Raises:
        MalformedError: the origin or the head cannot be written, or the key is not Ed25519.
    """
    text = Checkpoint(origin=origin, size=head.size, root=head.root).encode()
    Checkpoint.parse(text)
    log = VerifierKey(name=origin, kind=LOG, public=signer.public_key.raw_ed25519)
    line = NoteSignature(name=origin, key_id=log.key_id, blob=signer.sign(text))
    return SignedNote(text=text, signatures=(line,)).encode()


def verify_checkpoint(note: SignedNote | bytes, log: VerifierKey) -> Checkpoint:
    """Verify that the log `log` signed this checkpoint.

    1. form of the note  2. the origin is the log's name  3. a signature line of its key, and all of these
       verify
    4. form of the text

    Raises:
        TooLargeError, MalformedError: steps 1 and 4.
        ProofError: step 2.
        SignatureError: step 3.
    """
    if isinstance(note, bytes):
        note = SignedNote.parse(note)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != log.name or log.kind != LOG:
        raise ProofError("the checkpoint is another log's", step="origin")
    blobs = log.signed(note)
    if not blobs:
        raise SignatureError("the log did not sign this checkpoint")
    for blob in blobs:
        log.key.verify(EDDSA, blob, note.text)
    return checkpoint


def _cosigned(text: bytes, time_s: int) -> bytes:
    """What a witness signs."""
    return f"cosignature/v1\ntime {time_s}\n".encode() + text


def cosign(note: SignedNote, *, witness: str, signer: Signer, time_s: int) -> NoteSignature:
    """A witness's line: it saw this checkpoint at `time_s`. The caller checked and persisted it before.

    Raises:
        MalformedError: the time is out of range, or the key is not Ed25519.
    """
    if not 0 < time_s <= _MAX_TIME_S:
        raise MalformedError("a cosignature's time is out of range")
    key = VerifierKey(name=witness, kind=COSIGNATURE, public=signer.public_key.raw_ed25519)
    signature = signer.sign(_cosigned(note.text, time_s))
    return NoteSignature(name=witness, key_id=key.key_id, blob=time_s.to_bytes(8, "big") + signature)


def verify_cosignatures(note: SignedNote | bytes, witnesses: Iterable[VerifierKey]) -> list[Cosignature]:
    """The cosignatures of the witnesses given, one each (the latest); those of unknown keys are ignored.

    Raises:
        TooLargeError, MalformedError: not a note.
        SignatureError: a line that bears a known witness's name and key id does not verify: the whole note is
            refused (signed-note, section Signatures).
    """
    if isinstance(note, bytes):
        note = SignedNote.parse(note)
    found: list[Cosignature] = []
    for witness in witnesses:
        if witness.kind != COSIGNATURE:
            raise MalformedError("a witness's key is of type 04")
        times = [_cosignature_time(witness, blob, note.text) for blob in witness.signed(note)]
        if times:
            found.append(Cosignature(witness=witness.name, time_s=max(times)))
    return found


def _cosignature_time(witness: VerifierKey, blob: bytes, text: bytes) -> int:
    if len(blob) != 72:
        raise SignatureError("a cosignature is a time and a signature, 72 bytes")
    time_s = int.from_bytes(blob[:8], "big")
    if not 0 < time_s <= _MAX_TIME_S:
        raise SignatureError("a cosignature's time is out of range")
    witness.key.verify(EDDSA, blob[8:], _cosigned(text, time_s))
    return time_s
