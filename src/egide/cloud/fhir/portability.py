"""One file with all of a person's measurements: to read, for another service, for machines, with the proofs.

    README.fr.txt  README.en.txt  record.fr.pdf  record.en.pdf
    fhir/bundle.json      FHIR R4 Bundle (collection): Patient, Device, Observation, Provenance
    data/<metric>.csv     every value, as it was signed
    proofs/<log>-<n>.cbor one proof per message; anchors.toml is what they lead to

Every byte of it comes from one answer of the door out, to the patient, journaled as an export. It is made in memory: a
file in clear on our disk would be one more thing to erase.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings

from egide.cloud.fhir.exact import dumps
from egide.cloud.fhir.observations import Observed, observations
from egide.cloud.fhir.resources import device, provenance
from egide.cloud.fhir.systems import instant
from egide.cloud.fhir.writing.superseding import with_superseded
from egide.cloud.fleet.models import HealthObject
from egide.cloud.governance.portable import proof_name, readme, record_pdf, series_of, tables
from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.release.door import Answer, Ask, release
from egide.cloud.release.export import Entry, entries, proof_or_none
from egide.cloud.release.proof import platform_anchors

__all__ = ["CHANNEL", "Portable", "portable_file"]

CHANNEL: Final = "portability"
_EVER_MS: Final = 2**50


@dataclass(frozen=True, slots=True, kw_only=True)
class Portable:
    """The file, and what it holds."""

    content: bytes
    values: int
    proofs: int
    journal_entry: int


def portable_file(patient: Account, *, now_ms: int) -> Portable:
    """Make the file of a patient's own record, for that patient.

    Raises:
        AccessDeniedError: the door said no (journaled).
        UnavailableError: a document could not be set.
    """
    ask = Ask(
        reader=patient, patient=patient, since_ms=0, until_ms=_EVER_MS, purpose="PATRQT", channel=CHANNEL, export=True
    )
    answer = release(ask, now_ms=now_ms)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        proofs = _write(_Folder(archive, now_ms), answer, now_ms)
    values = sum(len(column.values) for column in answer.columns)
    return Portable(content=out.getvalue(), values=values, proofs=proofs, journal_entry=answer.journal_entry)


class _Folder:
    """Files of the archive, all of one time."""

    def __init__(self, archive: zipfile.ZipFile, now_ms: int) -> None:
        self._archive = archive
        at = datetime.fromtimestamp(now_ms / 1000, tz=UTC)
        self._time = (at.year, at.month, at.day, at.hour, at.minute, at.second)

    def add(self, name: str, parts: Iterator[bytes] | bytes) -> None:
        info = zipfile.ZipInfo(name, self._time)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        with self._archive.open(info, "w") as file:
            for part in (parts,) if isinstance(parts, bytes) else parts:
                file.write(part)


def _write(folder: _Folder, answer: Answer, now_ms: int) -> int:
    """Fill the archive; returns how many proofs are there."""
    patient, name = answer.ask.patient, name_of(answer.ask.patient)
    found = series_of(answer.columns)
    proved: set[int] = set()
    signed: list[Entry] = []
    for entry in entries(answer):
        signed.append(entry)
        if (proof := proof_or_none(entry, now_ms=now_ms)) is not None:
            folder.add(proof_name(entry[0].entry), proof)
            proved.add(entry[0].entry)
    folder.add("anchors.toml", platform_anchors().dump())
    for table, content in tables(found, frozenset(proved)):
        folder.add(table, content)
    observed = with_superseded(observations(answer.columns))
    folder.add("fhir/bundle.json", _bundle(patient, name, observed, signed, now_ms))
    waiting = len(signed) - len(proved)
    for lang in ("fr", "en"):
        pdf = record_pdf(found, name=name, lang=lang, now_ms=now_ms, proofs=len(proved))
        folder.add(f"record.{lang}.pdf", pdf)
        text = readme(lang=lang, name=name, proofs=len(proved), waiting=waiting, now_ms=now_ms)
        folder.add(f"README.{lang}.txt", text)
    return len(proved)


def _bundle(
    patient: Account, name: str, observed: Sequence[Observed], signed: Sequence[Entry], now_ms: int
) -> Iterator[bytes]:
    """The Bundle, a resource at a time: a year of readings is never one string."""
    yield f'{{"resourceType":"Bundle","type":"collection","timestamp":"{instant(now_ms)}","entry":['.encode()
    base = f"{settings.OPTIONS.people_address()}/fhir"
    first = True
    for resource in _resources(patient, name, observed, signed):
        address = f"{base}/{resource['resourceType']}/{resource['id']}"
        entry = dumps({"fullUrl": address, "resource": resource})
        yield ("" if first else ",").encode() + entry.encode()
        first = False
    yield b"]}"


def _resources(
    patient: Account, name: str, observed: Sequence[Observed], signed: Sequence[Entry]
) -> Iterator[dict[str, Any]]:
    yield {"resourceType": "Patient", "id": str(patient.pk), "name": [{"text": name}]}
    objects = {str(row.pairing.object_id) for row, _ in signed}
    for measuring in HealthObject.objects.filter(pk__in=objects).order_by("created_ms", "id"):
        yield device(measuring)
    targets: dict[int, list[str]] = {}
    for one in observed:
        targets.setdefault(one.entry, []).append(one.id)
        yield one.resource(str(patient.pk))
    for row, opened in signed:
        if ids := targets.get(row.entry):
            yield provenance(row.entry, opened.entry, ids, received_ms=row.received_ms, first_ms=row.first_ms)
