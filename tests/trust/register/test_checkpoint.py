"""Checkpoints: the log's word and the witnesses', in one strict form of signed note."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import EgideError, MalformedError, ProofError, SignatureError, TooLargeError
from egide.trust.cose import SoftwareSigner
from egide.trust.register.checkpoint import (
    COSIGNATURE,
    LOG,
    Checkpoint,
    Cosignature,
    NoteSignature,
    SignedNote,
    VerifierKey,
    cosign,
    decode_base64,
    decode_decimal,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignatures,
)
from egide.trust.register.tree import TreeHead

ORIGIN = "egide/log/6fa459ea-ee8a-4ca4-894e-db77e160355e"
HEAD = TreeHead(1000, bytes(range(32)))


def signer(letter: str) -> SoftwareSigner:
    return SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(letter.encode() * 32))


def key(name: str, kind: int, letter: str) -> VerifierKey:
    return VerifierKey(name=name, kind=kind, public=signer(letter).public_key.raw_ed25519)


LOG_KEY = key(ORIGIN, LOG, "l")
WITNESS = key("witness.example/w1", COSIGNATURE, "w")
NOTE = sign_checkpoint(HEAD, origin=ORIGIN, signer=signer("l"))
SIGNED = SignedNote.parse(NOTE)
LINE = cosign(SIGNED, witness=WITNESS.name, signer=signer("w"), time_s=1_767_225_600)
COSIGNED = SIGNED.with_lines([LINE])


def test_a_checkpoint_is_written_as_the_specification_shows() -> None:
    """Three lines, an empty one, and the log's line."""
    origin, size, root, empty, line, end = NOTE.decode().split("\n")
    assert (origin, size, empty, end) == (ORIGIN, "1000", "", "")
    assert base64.b64decode(root) == HEAD.root
    assert line.startswith(f"— {ORIGIN} ")


def test_a_checkpoint_verifies_with_its_log_s_key() -> None:
    """Origin, size and root come back."""
    found = verify_checkpoint(NOTE, LOG_KEY)
    assert (found.origin, found.head, found.extensions) == (ORIGIN, HEAD, ())


def test_a_witness_s_line_is_counted_once_with_its_time() -> None:
    """The latest, when there are several; unknown witnesses are ignored."""
    later = cosign(SIGNED, witness=WITNESS.name, signer=signer("w"), time_s=1_767_225_700)
    stranger = cosign(SIGNED, witness="stranger.example", signer=signer("s"), time_s=1)
    note = COSIGNED.with_lines([later, stranger, LINE]).encode()
    assert verify_cosignatures(note, [WITNESS]) == [
        Cosignature(witness="witness.example/w1", time_s=1_767_225_700)
    ]
    assert verify_cosignatures(NOTE, [WITNESS]) == verify_cosignatures(note, []) == []
    assert verify_checkpoint(note, LOG_KEY).head == HEAD


def test_a_note_reads_back_as_it_was_written() -> None:
    """One form: reading and writing again gives the same bytes, and the same line is not added twice."""
    data = COSIGNED.encode()
    assert SignedNote.parse(data).encode() == data
    assert COSIGNED.with_lines([LINE]) == COSIGNED
    assert SignedNote.parse_lines(LINE.line) == (LINE,)


def test_no_byte_of_a_checkpoint_can_change() -> None:
    """Whatever byte is altered, the note is refused, or says that the witness did not sign it."""
    data = COSIGNED.encode()
    for position, byte in enumerate(data):
        for value in {0, 0xFF, byte ^ 1, byte ^ 0x20, byte ^ 0x80} - {byte}:
            changed = data[:position] + bytes((value,)) + data[position + 1 :]
            try:
                verify_checkpoint(changed, LOG_KEY)
                assert verify_cosignatures(changed, [WITNESS]) == []
            except EgideError:
                continue


@given(data=st.binary(max_size=200))
def test_noise_is_refused_by_our_errors_alone(data: bytes) -> None:
    """Untrusted bytes never raise anything else."""
    for note in (data, NOTE[:60] + data, NOTE + data + b"\n", NOTE + "— ".encode() + data + b"\n"):
        with pytest.raises(EgideError):
            verify_checkpoint(b"x" + note, LOG_KEY)


def resigned(text: str) -> bytes:
    """Any text at all, signed by the log."""
    body = text.encode()
    line = NoteSignature(name=ORIGIN, key_id=LOG_KEY.key_id, blob=signer("l").sign(body))
    return SignedNote(text=body, signatures=(line,)).encode()


ROOT = base64.b64encode(HEAD.root).decode()


def test_a_log_s_extension_lines_are_read_and_kept() -> None:
    """Other logs write them; they are signed with the rest."""
    note = resigned(f"{ORIGIN}\n1000\n{ROOT}\nTimestamp: 12\n")
    found = verify_checkpoint(note, LOG_KEY)
    assert found.extensions == ("Timestamp: 12",)
    assert found.encode() == SignedNote.parse(note).text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{ORIGIN}\n1000\n", id="no-root"),
        pytest.param(f"{ORIGIN}\n1000\n\n", id="empty-root"),
        pytest.param(f"{ORIGIN}\n1000\n{ROOT}\n\nx\n", id="empty-extension"),
        pytest.param(f"{ORIGIN}\n01000\n{ROOT}\n", id="leading-zero"),
        pytest.param(f"{ORIGIN}\n-1\n{ROOT}\n", id="negative"),
        pytest.param(f"{ORIGIN}\n+1\n{ROOT}\n", id="plus"),
        pytest.param(f"{ORIGIN}\n\u0661\n{ROOT}\n", id="other-digits"),
        pytest.param(f"{ORIGIN}\n{2**63}\n{ROOT}\n", id="64-bits"),
        pytest.param(f"{ORIGIN}\n{10**19}\n{ROOT}\n", id="20-digits"),
        pytest.param(f"{ORIGIN}\n1000\nAAAA\n", id="short-root"),
        pytest.param(f"{ORIGIN}\n1000\n{ROOT[:-1]}\n", id="base64-unpadded"),
        pytest.param(f"{ORIGIN}\n1000\n{ROOT[:-2]}9=\n", id="base64-loose"),
        pytest.param(f"egide log\n1000\n{ROOT}\n", id="origin-with-a-space"),
        pytest.param(f"egide+log\n1000\n{ROOT}\n", id="origin-with-a-plus"),
        pytest.param(f"{'x' * 129}\n1000\n{ROOT}\n", id="origin-too-long"),
        pytest.param(f"\n1000\n{ROOT}\n", id="no-origin"),
        pytest.param(f"{ORIGIN}\n1000\n{ROOT}", id="no-last-newline"),
        pytest.param(f"{ORIGIN}\r\n1000\n{ROOT}\n", id="carriage-return"),
    ],
)
def test_a_text_of_another_form_is_refused_even_signed(text: str) -> None:
    """The log's signature does not make another form right."""
    with pytest.raises(MalformedError):
        verify_checkpoint(resigned(text), LOG_KEY)


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(b"", id="empty"),
        pytest.param(SIGNED.text, id="no-signature"),
        pytest.param(SIGNED.text + b"\n", id="no-line"),
        pytest.param(NOTE[:-1], id="no-last-newline"),
        pytest.param(NOTE + b"\n", id="empty-line"),
        pytest.param(NOTE + b"x\n", id="not-a-line"),
        pytest.param(NOTE + "— name\n".encode(), id="two-parts"),
        pytest.param(NOTE + b"- name AAAAAAAA\n", id="hyphen"),
        pytest.param(NOTE + "— a+b AAAAAAAA\n".encode(), id="name-with-a-plus"),
        pytest.param(NOTE + "— a\u00a0b AAAAAAAA\n".encode(), id="name-with-a-space"),
        pytest.param(NOTE + "— name AAAAAA==\n".encode(), id="key-id-alone"),
        pytest.param(NOTE + "— name !!!!\n".encode(), id="not-base64"),
        pytest.param(NOTE + "— name AAAAAAAA\n".encode() * 17, id="18-lines"),
        pytest.param(b"\xff" + NOTE, id="not-utf-8"),
        pytest.param(b"\x00" + NOTE, id="control-character"),
    ],
)
def test_a_note_of_another_form_is_refused(note: bytes) -> None:
    """What is not a signed note is not searched for signatures."""
    with pytest.raises(MalformedError):
        SignedNote.parse(note)


def test_a_note_that_is_too_large_is_refused() -> None:
    """16,384 bytes at most."""
    with pytest.raises(TooLargeError):
        SignedNote.parse(bytes(16_385))


def test_a_checkpoint_of_another_log_or_key_is_refused() -> None:
    """The origin must be the log's, and a line of its key must be there and hold."""
    with pytest.raises(ProofError):
        verify_checkpoint(NOTE, key("egide/other", LOG, "l"))
    with pytest.raises(ProofError):
        verify_checkpoint(NOTE, key(ORIGIN, COSIGNATURE, "l"))
    with pytest.raises(SignatureError):
        verify_checkpoint(NOTE, key(ORIGIN, LOG, "m"))
    forged = NoteSignature(name=ORIGIN, key_id=LOG_KEY.key_id, blob=bytes(64))
    with pytest.raises(SignatureError):
        verify_checkpoint(SIGNED.with_lines([forged]), LOG_KEY)


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(bytes(64), id="no-time"),
        pytest.param(bytes(8) + LINE.blob[8:], id="time-0"),
        pytest.param(b"\xff" * 8 + LINE.blob[8:], id="time-of-64-bits"),
        pytest.param(bytes(7) + b"\x01" + LINE.blob[8:], id="another-time"),
        pytest.param(LINE.blob[:8] + bytes(64), id="forged"),
    ],
)
def test_a_known_witness_s_line_that_fails_spoils_the_note(blob: bytes) -> None:
    """Who bears a pinned name and key id must have signed (signed-note, section Signatures)."""
    line = NoteSignature(name=WITNESS.name, key_id=WITNESS.key_id, blob=blob)
    with pytest.raises(SignatureError):
        verify_cosignatures(SIGNED.with_lines([line]), [WITNESS])


def test_a_log_s_key_is_not_a_witness_s() -> None:
    """The two kinds sign different things, and are never taken for one another."""
    with pytest.raises(MalformedError):
        verify_cosignatures(NOTE, [LOG_KEY])
    assert key(ORIGIN, LOG, "l").key_id != key(ORIGIN, COSIGNATURE, "l").key_id


def test_a_verifier_key_reads_back_as_it_was_written() -> None:
    """The text form is the specification's; its example of another's key is read too."""
    assert VerifierKey.parse(LOG_KEY.vkey) == LOG_KEY
    assert VerifierKey.parse(WITNESS.vkey) == WITNESS
    known = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert (known.name, known.kind, known.key_id.hex()) == ("PeterNeumann", LOG, "c74f20a3")


def test_the_specification_s_own_note_verifies() -> None:
    """The signed note of Go's golang.org/x/mod/sumdb/note, made by code that is not ours."""
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
        "KvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    known = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    signed = SignedNote.parse(note.encode())
    (blob,) = known.signed(signed)
    known.key.verify(-8, blob, signed.text)


@pytest.mark.parametrize(
    "vkey",
    [
        pytest.param("", id="empty"),
        pytest.param("name+00000000", id="two-parts"),
        pytest.param(WITNESS.vkey.replace("w1+", "w2+"), id="id-of-another-name"),
        pytest.param(WITNESS.vkey[:-4], id="short-key"),
        pytest.param("name+00000000+", id="no-key"),
        pytest.param("name+00000000+AA==", id="unknown-type"),
        pytest.param("name+00000000+!", id="not-base64"),
        pytest.param(WITNESS.vkey.upper(), id="upper-case"),
    ],
)
def test_a_verifier_key_of_another_form_is_refused(vkey: str) -> None:
    """A key is pinned as a whole: name, id and bytes agree."""
    with pytest.raises(MalformedError):
        VerifierKey.parse(vkey)


def test_what_could_not_be_read_back_is_not_signed() -> None:
    """An origin with a space, a time out of range, a key that is not Ed25519."""
    p256 = SoftwareSigner(ec.derive_private_key(7, ec.SECP256R1()))
    with pytest.raises(MalformedError):
        sign_checkpoint(HEAD, origin="egide log", signer=signer("l"))
    with pytest.raises(MalformedError):
        sign_checkpoint(HEAD, origin=ORIGIN, signer=p256)
    for time_s in (0, 2**63):
        with pytest.raises(MalformedError):
            cosign(SIGNED, witness=WITNESS.name, signer=signer("w"), time_s=time_s)


@given(data=st.binary(max_size=80))
def test_base64_has_one_form(data: bytes) -> None:
    """Each value of bytes has one text, and only that text is read."""
    text = base64.b64encode(data).decode()
    assert decode_base64(text, "a test") == data
    with pytest.raises(MalformedError):
        decode_base64(text + "\n", "a test")


@given(number=st.integers(0, 2**63 - 1))
def test_decimals_have_one_form(number: int) -> None:
    """Each number has one text, and only that text is read."""
    assert decode_decimal(str(number), "a test") == number
    for other in (f"0{number}", f" {number}", f"+{number}", f"{number}_0", ""):
        with pytest.raises(MalformedError):
            decode_decimal(other, "a test")


def test_a_checkpoint_is_the_same_object_as_its_text() -> None:
    """Text to fields and back."""
    checkpoint = Checkpoint(origin=ORIGIN, size=0, root=HEAD.root)
    assert Checkpoint.parse(checkpoint.encode()) == checkpoint
