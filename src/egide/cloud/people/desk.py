"""What people say at a desk, without a phone or a passkey: recorded by a named professional, and marked as such.

An agreement or refusal given aloud or on paper is a statement sealed for the patient: what about, how it was given,
what shows it, who recorded it, and the hash of the scan. The patient may confirm it later, or withdraw it at any time.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.keys.records import care_key, private_seed, seal_for
from egide.cloud.people.authority import CARE_OFFICES
from egide.cloud.people.models import Account, Agreement
from egide.cloud.people.offices import require_office
from egide.cloud.people.proofing import signed_facts
from egide.cloud.people.registrations import registered_at
from egide.cloud.people.scans import accepted
from egide.cloud.register.journal import append_statement
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from egide.trust.seal import Suite, open_sealed

__all__ = [
    "ABOUT", "EVIDENCE", "WAYS", "Recorded", "agreements_of", "confirm_agreement", "open_scan", "read_scan",
    "record_agreement", "withdraw_agreement",
]  # fmt: skip

ABOUT: Final = frozenset({"account", "follow-up", "sharing", "telemonitoring"})
WAYS: Final = frozenset({"oral", "paper"})
#: What shows it: a signed form, a note in the care record, a witness who was there, a call.
EVIDENCE: Final = frozenset({"signed-form", "care-note", "witness", "phone-call"})
#: Offices that may open a scan where the patient is known: who cares, and who answers for their rights.
_READERS: Final = CARE_OFFICES | {"dpo"}
_INFO: Final = b"egide desk scan v1 "


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a statement says of an agreement, as it stands now."""

    agreement: str
    about: str
    agreed: bool
    way: str
    evidence: str
    by: str
    scan_sha256: bytes | None
    at_ms: int
    confirmed_ms: int | None = None
    withdrawn_ms: int | None = None


def record_agreement(
    patient: Account, about: str, *, agreed: bool, way: str, evidence: str, by: Account, now_ms: int,
    scan: bytes | None = None,
) -> Agreement:  # fmt: skip
    """Record what a patient said.

    Raises:
        RefusedError: a word that is not of the lists above. TooLargeError: a scan over 8 MiB. MalformedError: a scan
        that is no picture and no calm PDF (scans.py).
        AccessDeniedError: `by` does not care for people where this patient is known.
    """
    if about not in ABOUT or way not in WAYS or evidence not in EVIDENCE:
        raise RefusedError("what about, how and by what evidence are words of fixed lists")
    if way == "paper" and evidence != "signed-form":
        raise RefusedError("on paper, what shows it is the signed form")
    _require_carer(patient, by, now_ms)
    scan = accepted(scan) if scan is not None else None
    key = care_key(patient.pk)
    row = Agreement(id=uuid.uuid4(), patient=patient, at_ms=now_ms)
    if scan is not None:
        row.sealed_scan = seal_for(key, scan, _INFO + row.id.bytes)
    personal = {
        "agreement": str(row.pk), "about": about, "agreed": agreed, "way": way, "evidence": evidence, "by": str(by.pk),
        "scan": hashlib.sha256(scan).digest() if scan is not None else None,
    }  # fmt: skip
    append_statement(
        "agreement", patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=key,
        also=lambda: row.save(force_insert=True),
    )  # fmt: skip
    return row


def confirm_agreement(agreement: Agreement, *, by: Account, now_ms: int) -> None:
    """The patient confirms it, once they have signed in. Raises AccessDeniedError, RefusedError: it is over or done."""
    if by.pk != agreement.patient_id:
        raise AccessDeniedError("only the patient confirms what they said")
    _change(agreement, "agreement-confirmed", "confirmed_ms", by, now_ms)


def withdraw_agreement(agreement: Agreement, *, by: Account, now_ms: int) -> None:
    """The patient takes it back, alone or at the desk; at once.

    Raises as `record_agreement` does; RefusedError: it was withdrawn.
    """
    if by.pk != agreement.patient_id:
        _require_carer(agreement.patient, by, now_ms)
    _change(agreement, "agreement-withdrawn", "withdrawn_ms", by, now_ms)


def agreements_of(patient: Account) -> list[Recorded]:
    """As the signed statements say, oldest first."""
    found: dict[str, dict[str, Any]] = {}
    kinds = ("agreement", "agreement-confirmed", "agreement-withdrawn")
    for at_ms, facts in signed_facts(patient, *kinds):
        name = facts.pop("agreement", "")
        if "about" in facts:
            found[name] = {"agreement": name, "at_ms": at_ms, "scan_sha256": facts.pop("scan"), **facts}
        elif name in found and facts.get("what") in {"confirmed_ms", "withdrawn_ms"}:
            found[name].setdefault(facts["what"], at_ms)
    return [Recorded(**each) for each in found.values()]


def open_scan(agreement: Agreement) -> bytes:
    """The scan, checked against the statement. Raises NotFoundError, SealError; RefusedError: it is another one."""
    if agreement.sealed_scan is None:
        raise NotFoundError("there is no scan")
    key = care_key(agreement.patient_id)
    info = _INFO + agreement.id.bytes
    scan = open_sealed(Suite(key.suite), private_seed(key), bytes(agreement.sealed_scan), info)
    said = {r.agreement: r.scan_sha256 for r in agreements_of(agreement.patient)}
    if said.get(str(agreement.pk)) != hashlib.sha256(scan).digest():
        raise RefusedError("this scan is not the one that was recorded")
    return scan


def read_scan(agreement: Agreement, *, by: Account, now_ms: int) -> bytes:
    """The scan, for the patient or who works at their desk; that they opened it is signed before anything is given.

    Raises:
        AccessDeniedError: somebody else. NotFoundError, SealError, RefusedError: as `open_scan`.
    """
    if by.pk != agreement.patient_id:
        _require_carer(agreement.patient, by, now_ms, _READERS)
    scan = open_scan(agreement)
    personal = {"agreement": str(agreement.pk), "by": str(by.pk)}
    append_statement(
        "agreement-scan", agreement.patient_id, {}, now_ms=now_ms, personal=personal,
        sealed_for=care_key(agreement.patient_id),
    )  # fmt: skip
    return scan


def _change(agreement: Agreement, kind: str, column: str, by: Account, now_ms: int) -> None:
    def keep() -> None:
        open_now = Agreement.objects.filter(pk=agreement.pk, withdrawn_ms=None)
        if not open_now.filter(**{column: None}).update(**{column: now_ms}):
            raise RefusedError("this agreement was withdrawn, or confirmed already")

    personal = {"agreement": str(agreement.pk), "what": column, "by": str(by.pk)}
    append_statement(
        kind, agreement.patient_id, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(agreement.patient_id),
        also=keep,
    )  # fmt: skip


def _require_carer(patient: Account, by: Account, now_ms: int, offices: frozenset[str] = CARE_OFFICES) -> None:
    for establishment in registered_at(patient):
        try:
            require_office(by, *offices, now_ms=now_ms, establishment=establishment)
        except AccessDeniedError:
            continue
        return
    raise AccessDeniedError("this account does not care for people where this patient is known")
