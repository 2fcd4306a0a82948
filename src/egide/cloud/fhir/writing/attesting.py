"""What a system says becomes an envelope, signed in its name, and goes through the door in like an object's.

    1  name what is written, by keyed hashes: was it written before?
    2  remember what will be signed, before it is sent: the same request makes the same bytes again
    3  sign: the object is the system, so the trust level is "attested by a system"
    4  intake: verify, seal, register
    5  verify the receipt: only then is it said to be written

Observations that are written together are one envelope: all of them are stored, or none.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.db import IntegrityError, transaction

from egide import cbor
from egide.cloud.fhir.observations import Observed
from egide.cloud.fhir.writing.made import make, observed, position_of
from egide.cloud.fhir.writing.observing import Measured
from egide.cloud.fhir.writing.pairing import pairing_for
from egide.cloud.fhir.writing.problems import IdentifierUsedError
from egide.cloud.fhir.writing.registering import scribe, scribe_of
from egide.cloud.fhir.writing.superseding import replaced_by, require_free, supersede
from egide.cloud.fhir.writing.writers import Writer
from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.relay import relay
from egide.cloud.intake.models import Signing, Written
from egide.cloud.keys.provider import provider
from egide.cloud.people.models import Account
from egide.cloud.register.models import Log
from egide.cloud.register.proving import covering, receipt_at
from egide.cloud.register.store import entry_number, split_entry
from egide.cloud.vault.models import Envelope as Row
from egide.errors import EgideError, RefusedError, UnavailableError
from egide.trust.answer import RefusalAnswer, decode_answer, verify_refusal
from egide.trust.cose import PublicKey
from egide.trust.envelope import Clock, Envelope, sign_readings
from egide.trust.register.receipt import receipt_log, verify_receipt

__all__ = ["Kept", "NotTakenError", "attest", "kept_before", "through_intake"]

TakeIn = Callable[[bytes], bytes]


class NotTakenError(RefusedError):
    """Intake refused the envelope; the message names the code of its signed refusal."""

    code = "intake-refused"
    hint = "the operator can see why: egide events"

    def __init__(self, why: str) -> None:
        super().__init__(f"intake refused what was written: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One Observation that is in the register, with its receipt; `created`: by this request."""

    entry: int
    id: str
    receipt: bytes
    created: bool
    observed: Observed | None  # None: another than what was sent, under the same identifier


@dataclass(frozen=True, slots=True)
class _Named:
    name: bytes
    digest: bytes
    measured: Measured


def through_intake(envelope: bytes) -> bytes:
    """Intake's answer to one envelope. Raises UnavailableError: no worker answers."""
    _, answer = relay().ask("", envelope)
    return answer


def attest(
    writer: Writer, patient: Account, written: Sequence[Measured], *, now_ms: int, take_in: TakeIn = through_intake
) -> list[Kept]:
    """Seal what a system says of one patient: everything, or nothing. One answer for each, in order.

    Raises:
        IdentifierUsedError: an identifier was another measurement's.
        AccessDeniedError: the patient, or somebody for them, ended what this system adds.
        TooLargeError, MalformedError: more than one envelope holds.
        UnavailableError: intake does not answer; the same request may be sent again, and stores nothing twice.
    """
    named = [_name(writer, patient, measured) for measured in written]
    _require_same(named)
    known = _known(writer, named)
    replaced = {n.name: replaced_by(writer, patient, n.measured.replaces) for n in named if n.measured.replaces}
    require_free([old for name, old in replaced.items() if name not in known])
    pairing = pairing_for(writer.system, patient, min(m.t0_ms for m in written), now_ms=now_ms)
    fresh = list({n.name: n for n in named if n.name not in known}.values())
    if fresh:
        known |= _promise(writer, pairing, fresh, now_ms)
    by_signing: dict[int, list[_Named]] = {}
    for each in {n.name: n for n in named}.values():
        by_signing.setdefault(known[each.name].signing_id, []).append(each)
    kept: dict[bytes, Kept] = {}
    new = {n.name for n in fresh}
    for group in by_signing.values():
        kept |= _settle(group, known, new, now_ms, take_in)
    for name, old in replaced.items():
        supersede(patient, old, (kept[name].entry, known[name].position), now_ms=now_ms)
    return [kept[n.name] for n in named]


def kept_before(writer: Writer, patient: Account, identifier: tuple[str, str], measured: Measured) -> Kept | None:
    """What this system wrote of this patient under this identifier, whatever it was; None when it wrote nothing.

    None too for the very same measurement: writing it again stores it once. Its receipt is of the last checkpoint.

    Raises:
        UnavailableError: it is not stored yet, or no checkpoint covers it yet.
    """
    name = _key("name", writer, patient, ["identifier", *identifier])
    row = Written.objects.select_related("signing").filter(object=writer.system.id, name=name).first()
    if row is None or bytes(row.digest) == _name(writer, patient, measured).digest:
        return None  # it is written, or written again: either way once
    entry = _entry_of(row.signing)
    if entry is None:
        raise UnavailableError("what has this identifier is not stored yet")
    log_id, index = split_entry(entry)
    return Kept(
        entry=entry, receipt=receipt_at(covering(log_id, index), index), created=False, id=f"{entry}-{row.position}-0",
        observed=None,
    )  # fmt: skip


def _name(writer: Writer, patient: Account, measured: Measured) -> _Named:
    said = [measured.t0_ms, [[s.code, s.unit, s.times if isinstance(s.times, int) else list(s.times), s.exponent,
            list(s.values)] for s in measured.series], measured.replaces]  # fmt: skip
    digest = _key("content", writer, patient, said)
    called: list[object] = ["identifier", *measured.identifier] if measured.identifier else ["content", digest]
    return _Named(_key("name", writer, patient, called), digest, measured)


def _key(what: str, writer: Writer, patient: Account, said: list[object]) -> bytes:
    """A keyed hash: the table tells neither what was measured nor what it was called."""
    key = provider().derive(1, b"written " + what.encode())
    data = cbor.encode([str(writer.system.id), str(patient.pk), said])
    return hashlib.blake2b(data, key=key[:32], digest_size=32).digest()


def _require_same(named: Sequence[_Named]) -> None:
    seen: dict[bytes, bytes] = {}
    for each in named:
        if seen.setdefault(each.name, each.digest) != each.digest:
            raise IdentifierUsedError("two measurements have one identifier", "Observation.identifier")


def _known(writer: Writer, named: Sequence[_Named]) -> dict[bytes, Written]:
    rows = Written.objects.select_related("signing").filter(object=writer.system.id, name__in=[n.name for n in named])
    known = {bytes(row.name): row for row in rows}
    for each in named:
        row = known.get(each.name)
        if row is not None and bytes(row.digest) != each.digest:
            raise IdentifierUsedError("this identifier is another measurement's", "Observation.identifier")
    return known


def _promise(writer: Writer, pairing: Pairing, fresh: Sequence[_Named], now_ms: int) -> dict[bytes, Written]:
    """2. One counter for the envelope of all that is new. Raises UnavailableError: somebody writes the same now."""
    make([n.measured for n in fresh])  # nothing is promised that cannot be made
    positions = position_of([n.measured for n in fresh])
    _, certificate = scribe_of(writer.system.id, now_ms=now_ms)
    try:
        with transaction.atomic():
            signing = Signing.objects.create(
                object=writer.system.id, pairing=pairing.uuid, certificate=bytes(certificate.sha256),
                cti=os.urandom(16), iat_s=now_ms // 1000,
            )  # fmt: skip
            rows = [
                Written(object=writer.system.id, name=n.name, digest=n.digest, signing=signing, position=position)
                for n, position in zip(fresh, positions, strict=True)
            ]
            Written.objects.bulk_create(rows)
    except IntegrityError as err:
        raise UnavailableError("the same is being written just now") from err
    return {n.name: row for n, row in zip(fresh, rows, strict=True)}


def _settle(
    group: list[_Named], known: dict[bytes, Written], new: set[bytes], now_ms: int, take_in: TakeIn
) -> dict[bytes, Kept]:
    """The entry and the receipt of what shares an envelope: made again, or read where only a part of it is asked."""
    group.sort(key=lambda n: known[n.name].position)
    signing = known[group[0].name].signing
    if signing.written.count() == len(group):
        entry, receipt = _send(signing, [n.measured for n in group], take_in)
    else:
        found = _entry_of(signing)
        if found is None:
            raise UnavailableError("what this was written with is not stored yet: send all of it again")
        log_id, index = split_entry(found)
        entry, receipt = found, receipt_at(covering(log_id, index), index)
    return {
        n.name: Kept(
            entry=entry, id=f"{entry}-{known[n.name].position}-0", receipt=receipt, created=n.name in new,
            observed=observed(
                n.measured, entry=entry, position=known[n.name].position, system=str(signing.object),
                pairing=str(signing.pairing), received_ms=now_ms,
            ),
        )
        for n in group
    }  # fmt: skip


def _send(signing: Signing, written: Sequence[Measured], take_in: TakeIn) -> tuple[int, bytes]:
    """3, 4 and 5."""
    try:
        envelope = sign_readings(
            make(written), signer=scribe(signing.object), certificate=bytes(signing.certificate),
            object_id=str(signing.object), pairing_id=str(signing.pairing), iat=signing.iat_s, cti=bytes(signing.cti),
            seq=signing.pk, clock=Clock(bytes(8), 0, True),
        )  # fmt: skip
    except EgideError:
        signing.delete()  # nothing was sent
        raise
    return _verified(envelope, take_in(envelope), signing)


def _verified(envelope: bytes, data: bytes, signing: Signing) -> tuple[int, bytes]:
    """The entry and the receipt, once it verifies.

    Raises:
        NotTakenError: refused for good. UnavailableError: refused for now, or an answer that proves nothing.
    """
    digest = hashlib.sha256(envelope).digest()
    answer = decode_answer(data)
    if answer.digest != digest:
        raise UnavailableError("intake answered something else")
    if isinstance(answer, RefusalAnswer):
        log = Log.objects.order_by("-id")[0]
        refusal = verify_refusal(answer.refusal, digest=digest, key=_log_key(log), log_uri=log.uri)
        if refusal.retryable:
            raise UnavailableError("intake could not take it now")
        signing.delete()
        raise NotTakenError(refusal.code)
    log = Log.objects.get(uri=receipt_log(answer.receipt))
    verified = verify_receipt(answer.receipt, Envelope.parse(envelope).leaf(), key=_log_key(log), log_uri=log.uri)
    return entry_number(log.pk, verified.index), answer.receipt


def _entry_of(signing: Signing) -> int | None:
    rows = Row.objects.filter(key__thumbprint=scribe(signing.object).public_key.thumbprint, seq=signing.pk)
    return rows.order_by("entry").values_list("entry", flat=True).first()


def _log_key(log: Log) -> PublicKey:
    return PublicKey(load_der_public_key(bytes(log.public)))  # type: ignore[arg-type]  # refuses any other kind itself
