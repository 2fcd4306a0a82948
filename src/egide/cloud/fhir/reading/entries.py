"""One envelope of a record, opened for a reader: what observations and provenances by id stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from egide.cloud.fhir.asked import EVER_MS, Asked
from egide.cloud.fhir.observations import Observed, observations
from egide.cloud.fhir.resources import provenance
from egide.cloud.people.models import Account
from egide.cloud.register.proving import covering, receipt_at
from egide.cloud.register.store import split_entry
from egide.cloud.release.door import Answer, entry_of, release, why
from egide.cloud.release.export import entries
from egide.cloud.vault.owning import records_of
from egide.errors import AccessDeniedError, NotFoundError, UnavailableError

__all__ = ["absent", "entry_number", "open_entry", "read_provenance", "signed_by"]

Body = dict[str, Any]


def absent() -> AccessDeniedError:
    """What is said of what is not there, and of what is not for this reader."""
    return AccessDeniedError("no ground lets this reader see this record")


def entry_number(key: str) -> int:
    """The entry of an observation's id. Raises NotFoundError: it is none."""
    head = key.partition("-")[0]
    if not (head.isascii() and head.isdigit()) or len(head) > 19:
        raise NotFoundError("no such observation")
    return int(head)


def open_entry(
    asked: Asked, entry: int, *, kind: str, interaction: str, signed: bool = False
) -> tuple[Account, Answer]:
    """Open one envelope. Raises AccessDeniedError, also when there is no such entry."""
    records = records_of(entry) if entry < 2**63 else []
    accounts = Account.objects.in_bulk(records)
    asks = [
        asked.ask(accounts[key], until_ms=EVER_MS, entry=entry, signed=signed) for key in records if key in accounts
    ]
    if not asks:  # no such entry, or the accounts of its records are gone
        raise absent()
    # Of the record that holds it and those that held it in error: the first that the reader may see, else the first.
    allowed = (ask for ask in asks if why(ask, now_ms=asked.now_ms).allowed)
    ask = next(allowed, asks[0]) if len(asks) > 1 else asks[0]
    asked.require(kind, interaction, ask.patient)
    return ask.patient, release(ask, now_ms=asked.now_ms)


def read_provenance(asked: Asked, key: str) -> Body:
    """The signature of one envelope, with the observations it stands for: the patient's alone, as a proof is."""
    asked.require("Provenance", "read")
    if not (key.isascii() and key.isdigit()) or len(key) > 19:
        raise NotFoundError("no such provenance")
    _, answer = open_entry(asked, int(key), kind="Provenance", interaction="read", signed=True)
    if not answer.columns:  # an entry of which this reader sees nothing is answered as one that never was
        raise absent()
    row, opened = entry_of(answer)
    targets = [found.id for found in observations(answer.columns)]
    return provenance(
        int(key), opened.entry, targets, received_ms=row.received_ms, first_ms=row.first_ms, receipt=_receipt(row.entry)
    )


def signed_by(asked: Asked, patient: Account, found: Sequence[Observed]) -> list[Body]:
    """The provenances of observations, for the patient whose they are; none for anybody else, whatever they may see."""
    account = asked.reader.account
    if asked.reader.app or account is None or account.pk != patient.pk:
        return []
    targets: dict[int, list[str]] = {}
    for one in found:
        if not one.in_error:
            targets.setdefault(one.entry, []).append(one.id)
    since, until = min(o.at_ms for o in found), max(o.until_ms for o in found) + 1
    answer = release(asked.ask(patient, since_ms=since, until_ms=until, signed=True), now_ms=asked.now_ms)
    return [
        provenance(
            row.entry, opened.entry, targets[row.entry], received_ms=row.received_ms, first_ms=row.first_ms,
            receipt=_receipt(row.entry),
        )
        for row, opened in entries(answer)
        if row.entry in targets
    ]  # fmt: skip


def _receipt(entry: int) -> bytes:
    """The register's receipt; empty until a checkpoint covers it, a second later."""
    log, index = split_entry(entry)
    try:
        return receipt_at(covering(log, index), index)
    except UnavailableError:
        return b""
