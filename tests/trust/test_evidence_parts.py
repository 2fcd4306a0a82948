"""Each part of a proof file, exchanged or altered and signed again: the step that owns it refuses."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from egide.errors import MalformedError
from egide.measure.readings import Readings, Series
from egide.trust.cose import Sign1, sign1
from egide.trust.evidence import verify_evidence
from egide.trust.register.checkpoint import Checkpoint, NoteSignature, SignedNote
from tests.support.proofs import (
    DAY_MS,
    LOG_2,
    START_MS,
    TestLog,
    World,
    ed25519_signer,
    p256_signer,
    resigned,
    step_of,
)

P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def world() -> World:
    return World()


# The certificate and the envelope -----------------------------------------------------------------


def test_another_enrolled_object_cannot_pass_for_this_one(world: World) -> None:
    """The envelope names its certificate by hash: another of the same CA does not fit."""
    chain = world.ca.object(p256_signer().public_key)
    assert step_of(world.proof(chain=chain), world) == "2 object certificate"


def test_an_envelope_signed_by_another_key_than_the_certificates_is_refused(world: World) -> None:
    """The name and the certificate fit, the signature does not."""
    impostor = replace(world, object=ed25519_signer())
    assert step_of(impostor.proof(), world) == "3 object signature"


@pytest.mark.parametrize("days", [(0, 5), (20, 30)], ids=["expired", "not-yet"])
def test_a_certificate_out_of_force_at_the_corrected_time_is_refused(
    world: World, days: tuple[int, int]
) -> None:
    """Validity is judged when the object measured, corrected."""
    chain = world.ca.object(world.object.public_key, days)
    assert step_of(replace(world, object_chain=chain).proof(), world) == "2 object certificate"


def test_the_corrected_time_decides_and_not_the_signed_one(world: World) -> None:
    """A clock a year late signs before the certificate exists; its corrected time is inside it."""
    late = replace(
        world, iat_ms=world.iat_ms - 365 * DAY_MS,
        assertion=replace(world.assertion, correction_ms=365 * DAY_MS, flags=("clock", "late")),
    )
    assert verify_evidence(late.proof(), world.anchors()).anchored


@pytest.mark.parametrize("owner", ["object", "platform"])
def test_a_certificate_serves_its_own_usage_only(world: World, owner: str) -> None:
    """An object's certificate cannot sign a file, nor the platform's an envelope."""
    if owner == "object":
        posing = replace(world, platform_chain=world.ca.object(world.platform.public_key))
        assert step_of(posing.proof(), world) == "10 platform signature"
    else:
        posing = replace(world, object_chain=world.ca.platform(world.object.public_key))
        assert step_of(posing.proof(), world) == "2 object certificate"


def test_a_malleated_object_signature_is_refused(world: World) -> None:
    """(r, n - s) is valid ECDSA and not what the object wrote."""
    world = replace(world, object=p256_signer(), object_chain=())
    statement = Sign1.parse(world.envelope())
    s = P256_N - int.from_bytes(statement.signature[32:])
    other = replace(statement, signature=statement.signature[:32] + s.to_bytes(32)).encode()
    assert step_of(world.proof(envelope=other), world) == "3 object signature"


def test_a_signed_payload_that_is_not_readings_is_refused(world: World) -> None:
    """The object's signature is good and its content has no meaning."""
    statement = Sign1.parse(world.envelope())
    empty = sign1({k: v for k, v in statement.header.items() if k != 1}, b"\x80", world.object)
    assert step_of(world.proof(envelope=empty), world) == "3 object signature"


# The register -------------------------------------------------------------------------------------


def test_a_receipt_of_another_entry_is_refused(world: World) -> None:
    """The path leads from another leaf."""
    parts = world.parts()
    log = world.log(parts["envelope"])
    assert step_of(world.proof(receipt=log.receipt(2, 5)), world) == "5 receipt"


def test_a_checkpoint_of_another_log_or_key_is_refused(world: World) -> None:
    """The same origin under another key, and another origin under the same key."""
    parts = world.parts()
    leaves = world.log(parts["envelope"]).leaves
    for other in (TestLog(world.log_uuid, leaves), TestLog(LOG_2, leaves, world.log_key)):
        note = other.checkpoint(7).decode()
        assert step_of(world.proof(checkpoint=note, cosignatures=()), world) == "6 checkpoint"


def test_a_checkpoint_of_another_history_is_refused(world: World) -> None:
    """The log signed two histories: the receipt's tree is not the beginning of the checkpoint's."""
    parts = world.parts()
    leaves = list(world.log(parts["envelope"]).leaves)
    leaves[0] = bytes(32)
    fork = TestLog(world.log_uuid, tuple(leaves), world.log_key)
    note = fork.checkpoint(7).decode()
    assert step_of(world.proof(checkpoint=note, cosignatures=()), world) == "7 consistency"


def test_a_checkpoint_older_than_the_receipt_proves_nothing(world: World) -> None:
    """A tree that may not hold the entry yet."""
    old = world.log(world.envelope()).checkpoint(3).decode()
    assert step_of(world.proof(checkpoint=old, cosignatures=(), consistency=()), world) == "7 consistency"


def test_a_consistency_path_of_another_length_is_refused(world: World) -> None:
    """Longer or shorter than the sizes require."""
    path = world.parts()["consistency"]
    assert step_of(world.proof(consistency=[*path, bytes(32)]), world) == "7 consistency"
    assert step_of(world.proof(consistency=path[:-1]), world) == "7 consistency"
    assert step_of(world.proof(consistency=[path[0][:31], *path[1:]]), world) == "7 consistency"


def test_the_log_signs_its_checkpoint_once_and_first(world: World) -> None:
    """Lines in another order, or a second line of the log's name, are not the file's only form."""
    note = SignedNote.parse(world.parts()["checkpoint"].encode())
    line = world.parts()["cosignatures"][0][1]
    cosignature = NoteSignature.parse(line.rstrip("\n"))
    swapped = SignedNote(text=note.text, signatures=(cosignature, *note.signatures)).encode().decode()
    assert step_of(resigned(
        world.proof(), world, lambda payload: payload.__setitem__(5, swapped)
    ), world) == "6 checkpoint"
    stranger = NoteSignature(name=note.signatures[0].name, key_id=b"\x01\x02\x03\x04", blob=bytes(64))
    twice = note.with_lines([stranger]).encode().decode()
    assert step_of(world.proof(checkpoint=twice, cosignatures=()), world) == "6 checkpoint"


def test_a_checkpoint_with_more_lines_than_ours_is_refused(world: World) -> None:
    """Extension lines are signed by the log, and not of this specification."""
    head = world.log(world.envelope()).head(7)
    anchor = world.log_anchor()
    text = Checkpoint(origin=anchor.origin, size=7, root=head.root, extensions=("more",)).encode()
    line = NoteSignature(name=anchor.origin, key_id=anchor.verifier.key_id, blob=world.log_key.sign(text))
    note = SignedNote(text=text, signatures=(line,)).encode().decode()
    assert step_of(world.proof(checkpoint=note, cosignatures=()), world) == "6 checkpoint"


def spelled_otherwise(line: str) -> str:
    """The same base64 bytes, written with other trailing bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stem = line.rstrip("\n=")
    other = stem[:-1] + alphabet[alphabet.index(stem[-1]) + 1] + line[len(stem):]
    assert base64.b64decode(other.split(" ")[-1]) == base64.b64decode(line.split(" ")[-1])
    return other


def test_a_note_that_decodes_alike_is_refused_even_when_the_platform_signs_it(world: World) -> None:
    """Base64 with other trailing bits, in each place of the note and in a witness's key."""
    parts = world.parts()
    text, signature = parts["checkpoint"].split("\n\n")
    lines = text.split("\n")
    root = "\n".join([*lines[:2], spelled_otherwise(lines[2])])
    assert step_of(world.proof(checkpoint=f"{root}\n\n{signature}"), world) == "6 checkpoint"
    signed = f"{text}\n\n{spelled_otherwise(signature)}"
    assert step_of(world.proof(checkpoint=signed), world) == "6 checkpoint"
    (key, line), _ = parts["cosignatures"]
    other = [(key, spelled_otherwise(line))]
    assert step_of(world.proof(cosignatures=other), world) == "6 checkpoint"


# What the platform asserts ------------------------------------------------------------------------


def test_a_file_that_another_platform_signed_is_refused(world: World) -> None:
    """The chain is the platform's, the signature is not."""
    assert step_of(replace(world, platform=ed25519_signer()).proof(), world) == "10 platform signature"


def test_a_platform_certificate_out_of_force_when_the_file_was_made_is_refused(world: World) -> None:
    """The platform's certificate is judged at the time that the file says it was made."""
    chain = world.ca.platform(world.platform.public_key, (0, 5))
    assert step_of(replace(world, platform_chain=chain).proof(), world) == "10 platform signature"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"received_ms": START_MS + 300 * DAY_MS}, id="made-before-received"),
        pytest.param({"doubts": ((2, 0, "range"),)}, id="doubt-on-no-series"),
        pytest.param({"doubts": ((0, 3, "range"),)}, id="doubt-on-no-value"),
    ],
)
def test_an_assertion_that_does_not_fit_the_envelope_is_refused(world: World, change: dict[str, Any]) -> None:
    """The platform cannot doubt what was not measured, nor prove what has not arrived."""
    assertion = replace(world.assertion, **change)
    assert step_of(replace(world, assertion=assertion).proof(), world) == "9 assertion"


def test_corrected_times_before_1970_are_refused(world: World) -> None:
    """Readings that lie far before the envelope's own time, corrected below zero."""
    old = Readings(t0_ms=10, series=(Series(code="8867-4", unit="/min", times=0, exponent=0, values=(62,)),))
    assert step_of(replace(world, readings=old).proof(), world) == "9 assertion"


@pytest.mark.parametrize(
    "change",
    [
        {"model": ""}, {"model": "x" * 81}, {"model": "line\nfeed"}, {"model": "left\u202eright"},
        {"trust": 0}, {"trust": 6}, {"correction_ms": 2**55}, {"received_ms": -1}, {"made_ms": 2**46},
        {"flags": ("late", "clock")}, {"flags": ("late", "late")}, {"flags": ("unknown",)},
        {"doubts": ((1, 0, "a"), (0, 0, "a"))}, {"doubts": ((0, 0, "a"), (0, 0, "b"))},
        {"doubts": ((-1, 0, "a"),)}, {"doubts": ((0, -2, "a"),)}, {"doubts": ((0, 0, ""),)},
    ],
    ids=str,
)
def test_an_assertion_out_of_its_form_cannot_be_made(world: World, change: dict[str, Any]) -> None:
    """Ranges and orders hold when written and when read; a model cannot play with a terminal."""
    with pytest.raises(MalformedError):
        replace(world.assertion, **change)
