"""POST /fhir: a batch, entry by entry; or a transaction, everything or nothing, about one patient and in one envelope.

A Patient in it says whose the Observations are (nobody is created or changed by it), and a Device is not kept: the
envelope says which system attests. Both are answered so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.http import HttpRequest

from egide.cloud.fhir.writing.answers import entry_of, issue_of, problem, status_of
from egide.cloud.fhir.writing.attesting import Kept, TakeIn, attest
from egide.cloud.fhir.writing.conditional import found_before
from egide.cloud.fhir.writing.observing import Measured, read_observation
from egide.cloud.fhir.writing.problems import (
    ElementError,
    KindError,
    MissingElementError,
    TooMuchError,
    UnknownElementError,
    UnsupportedError,
)
from egide.cloud.fhir.writing.subjects import patient_of, person_of
from egide.cloud.fhir.writing.writers import Writer
from egide.cloud.people.models import Account
from egide.errors import EgideError, UnavailableError

__all__ = ["BundleError", "write_bundle"]

MAX_ENTRIES: Final = 1_000
#: A batch that takes longer is answered as far as it came.
DEADLINE_S: Final = 30.0
_BESIDE: Final = frozenset({"Patient", "Device"})
_PHRASES: Final = {
    400: "Bad Request", 403: "Forbidden", 409: "Conflict", 413: "Content Too Large", 422: "Unprocessable Content",
    503: "Service Unavailable",
}  # fmt: skip
Resource = dict[str, Any]


class BundleError(EgideError):
    """A transaction that is refused as a whole: `outcome` names every entry that is wrong, `status` is the worst."""

    code = "transaction-refused"

    def __init__(self, errors: list[EgideError]) -> None:
        super().__init__("nothing of this transaction was written")
        self.status = max(status_of(error)[0] for error in errors)
        self.outcome = problem(*map(issue_of, errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """An Observation to be written, whose it is, and the condition that came with it."""

    measured: Measured
    patient: Account
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bundle:
    request: HttpRequest
    writer: Writer
    entries: list[Any]
    beside: Mapping[str, Resource]
    now_ms: int
    take_in: TakeIn


def write_bundle(request: HttpRequest, writer: Writer, resource: Resource, *, now_ms: int, take_in: TakeIn) -> Resource:
    """The answer to a Bundle.

    Raises:
        KindError, ElementError: no batch and no transaction. TooMuchError: too many entries.
        BundleError: a transaction of which something is wrong; nothing was written.
    """
    if resource.get("resourceType") != "Bundle" or resource.get("type") not in ("batch", "transaction"):
        raise KindError("what is posted here is a Bundle, a batch or a transaction", "Bundle.type")
    entries = resource.get("entry")
    if not isinstance(entries, list) or not entries:
        raise MissingElementError("a Bundle has entries", "Bundle.entry")
    if len(entries) > MAX_ENTRIES:
        raise TooMuchError("a Bundle has 1,000 entries at most")
    bundle = _Bundle(
        request=request, writer=writer, entries=entries, beside=_beside(entries), now_ms=now_ms, take_in=take_in
    )
    batch = resource["type"] == "batch"
    answers = _batch(bundle) if batch else _transaction(bundle)
    return {"resourceType": "Bundle", "type": f"{resource['type']}-response", "entry": answers}


def _batch(bundle: _Bundle) -> list[Resource]:
    """Entry by entry. Once intake does not answer, or the time is over, it is not asked for those that are left."""
    over: UnavailableError | None = None
    until_s = _now_s() + DEADLINE_S

    def take_in(envelope: bytes) -> bytes:
        nonlocal over
        try:
            return bundle.take_in(envelope)
        except UnavailableError as err:
            over = err
            raise

    asking, answers = replace(bundle, take_in=take_in), []
    for at in range(len(bundle.entries)):
        if over is None and _now_s() >= until_s:
            over = UnavailableError("this took too long: send again what was not written")
        try:
            answers.append(_refused(over) if over is not None else _answer(asking, at))
        except EgideError as err:
            answers.append(_refused(err))
    return answers


def _answer(bundle: _Bundle, at: int) -> Resource:
    entry = _read(bundle, at)
    return _write(bundle, [entry])[0] if isinstance(entry, _Entry) else entry


def _transaction(bundle: _Bundle) -> list[Resource]:
    read, errors = [], []
    for at in range(len(bundle.entries)):
        try:
            read.append(_read(bundle, at))
        except EgideError as err:
            errors.append(err)
    wanted = [entry for entry in read if isinstance(entry, _Entry)]
    if not errors and len({entry.patient.pk for entry in wanted}) > 1:
        errors.append(UnsupportedError("a transaction is about one patient: send others apart", "Bundle.entry"))
    if errors:
        raise BundleError(errors)
    try:
        written = iter(_write(bundle, wanted) if wanted else [])
    except EgideError as err:
        raise BundleError([err]) from err
    return [next(written) if isinstance(entry, _Entry) else entry for entry in read]


def _write(bundle: _Bundle, entries: list[_Entry]) -> list[Resource]:
    """One patient's: what a condition finds already there, and the rest in one envelope."""
    writer, patient = bundle.writer, entries[0].patient
    found = [found_before(writer, patient, e.measured, e.condition) if e.condition else None for e in entries]
    rest = [e.measured for e, kept in zip(entries, found, strict=True) if kept is None]
    fresh = iter(attest(writer, patient, rest, now_ms=bundle.now_ms, take_in=bundle.take_in) if rest else [])
    kept: list[Kept] = [next(fresh) if one is None else one for one in found]
    return [
        entry_of(bundle.request, one, str(patient.pk), entry.measured.left, now_ms=bundle.now_ms)
        for one, entry in zip(kept, entries, strict=True)
    ]


def _read(bundle: _Bundle, at: int) -> _Entry | Resource:
    """What an entry asks; the answer at once for a Patient or a Device."""
    where, entry = f"Bundle.entry[{at}]", bundle.entries[at]
    if not isinstance(entry, dict) or not isinstance(entry.get("request"), dict):
        raise MissingElementError("an entry has a request", f"{where}.request")
    if set(entry) - {"id", "fullUrl", "resource", "request"}:
        raise UnknownElementError("an entry of a request has a fullUrl, a resource and a request", where)
    request, resource = entry["request"], entry.get("resource")
    if not isinstance(resource, dict):
        raise MissingElementError("an entry has a resource", f"{where}.resource")
    kind = resource.get("resourceType")
    if kind in _BESIDE:
        return _person(bundle, resource, f"{where}.resource") if kind == "Patient" else _object()
    _require_create(request, where)
    bundle.writer.require_scope(resource)
    condition = request.get("ifNoneExist", "")
    if not isinstance(condition, str):
        raise ElementError("a condition is text", f"{where}.request.ifNoneExist")
    return _Entry(
        measured=read_observation(resource, f"{where}.resource"),
        patient=patient_of(bundle.request, bundle.writer, resource, f"{where}.resource", bundle.beside),
        condition=condition,
    )


def _now_s() -> float:
    return time.monotonic()


def _require_create(request: Resource, where: str) -> None:
    if request.get("method") in ("PUT", "PATCH", "DELETE"):
        raise EditError("what was measured is neither changed nor erased here", f"{where}.request.method")
    if request.get("method") != "POST" or request.get("url") != "Observation":
        raise KindError("an entry creates an Observation: POST, Observation", f"{where}.request")


class EditError(KindError):
    """A change of something that is signed and in the register."""

    code = "edit-refused"
    hint = "POST a new Observation with the extension observation-replaces, which names the one that it supersedes"


def _person(bundle: _Bundle, person: Resource, where: str) -> Resource:
    patient = person_of(bundle.writer, person, where)
    text = "this patient is known; nothing of the resource is kept"
    return {"response": {"status": "200 OK", "location": f"Patient/{patient.pk}", "outcome": _said(text)}}


def _object() -> Resource:
    return {"response": {"status": "200 OK", "outcome": _said("the object is not kept: the system attests")}}


def _said(text: str) -> Resource:
    return problem({"severity": "information", "code": "informational", "details": {"text": text}})


def _beside(entries: list[Any]) -> dict[str, Resource]:
    """The Patients and Devices of a Bundle, by their fullUrl."""
    return {
        entry["fullUrl"]: entry["resource"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("fullUrl"), str) and isinstance(entry.get("resource"), dict)
        and entry["resource"].get("resourceType") in _BESIDE
    }  # fmt: skip


def _refused(error: EgideError) -> Resource:
    status, _ = status_of(error)
    phrase = _PHRASES.get(status, "Refused")
    return {"response": {"status": f"{status} {phrase}", "outcome": problem(issue_of(error))}}
