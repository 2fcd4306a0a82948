"""Observations from what release() answered: one per value, per blood pressure, per stretch of waveform.

What the record held in error keeps its id, its metric and its time; its status is "entered-in-error" and its value is
masked: it is somebody else's (docs/adr/0027-readings-are-attributed-by-two.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from egide.cloud.fhir.codes import DIASTOLIC, PANEL, PRESSURE, SYSTOLIC, code_of, profile_of
from egide.cloud.fhir.phd import PHD_CATEGORY, gateway_extension, phd_profile_of
from egide.cloud.fhir.systems import (
    CATEGORY,
    METRICS,
    QUALITY,
    SECURITY,
    TRUST,
    UCUM,
    coding,
    concept,
    instant,
)
from egide.cloud.fleet.models import Trust
from egide.cloud.release.door import Column
from egide.measure.catalogue import CATALOGUE

__all__ = ["Observed", "observations"]

_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_VITALS: Final = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
_WAVE_PERIOD_MS: Final = 500
_BMI: Final = "39156-5"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Observed:
    """One Observation to be: the order of these is the order of time, and the same for ever."""

    at_ms: int
    entry: int
    position: int
    index: int
    parts: tuple[tuple[Column, int], ...]  # (column, place in it): several for a blood pressure
    in_error: bool = False
    changed_ms: int = 0  # when it was entered in error, or superseded, where it was and that is known
    superseded_by: str = ""  # the id of the Observation that stands for it now
    whose: str = ""  # the patient, where those of several are together: an id may be of two of theirs

    @property
    def id(self) -> str:
        return f"{self.entry}-{self.position}-{self.index}"

    @property
    def until_ms(self) -> int:
        """The last instant it covers."""
        column, _ = self.parts[0]
        return column.times_ms[-1] if is_wave(column) else self.at_ms

    @property
    def key(self) -> tuple[int, int, int, int]:
        return self.at_ms, self.entry, self.position, self.index

    @property
    def code(self) -> str:
        """The code of the observation: a blood pressure's is its panel's."""
        column, _ = self.parts[0]
        return PANEL if column.code in PRESSURE and not is_wave(column) else column.code

    @property
    def status(self) -> str:
        return "entered-in-error" if self.in_error or self.superseded_by else "final"

    @property
    def received_ms(self) -> int:
        """When this version of it came to be."""
        return self.changed_ms or self.parts[0][0].received_ms

    @property
    def version(self) -> str:
        """1 as it was measured; 2 once it was entered in error, or superseded."""
        return "2" if self.in_error or self.superseded_by else "1"

    def amount(self) -> tuple[Decimal, str] | None:
        """(value, unit) of its quantity; None where it has none."""
        column, at = self.parts[0]
        if self.in_error or is_wave(column) or self.code == PANEL or "valueQuantity" not in _value(column, at):
            return None
        return _decimal(column, at), column.unit

    def amounts(self) -> list[tuple[str, Decimal, str]]:
        """(code, value, unit) of each component that has a value."""
        if self.in_error or self.code != PANEL:
            return []
        return [(column.code, _decimal(column, at), column.unit) for column, at in self.parts]

    def resource(self, patient_id: str) -> Resource:
        column, at = self.parts[0]
        if self.in_error:
            value, code = _masked(column)
        elif is_wave(column):
            value, code = _sampled(column), column.code
        elif column.code in PRESSURE:
            value, code = {"component": [*_components(self.parts)]}, PANEL
        else:
            value, code = _value(column, at), column.code
        return {**_common(self, column, code, patient_id), **value}


def observations(
    columns: Iterable[Column], errata: Iterable[Column] = (), changed_ms: Mapping[int, int] | None = None
) -> list[Observed]:
    """In order of time, with what was held in error among them. `changed_ms`: when, by entry."""
    found = _observations(columns)
    when = changed_ms or {}
    found += [replace(o, in_error=True, changed_ms=when.get(o.entry, 0)) for o in _observations(errata)]
    return sorted(found, key=lambda o: o.key)


def _observations(columns: Iterable[Column]) -> list[Observed]:
    found: list[Observed] = []
    pressures: dict[tuple[int, int], list[tuple[Column, int]]] = {}
    for column in columns:
        if is_wave(column):
            found.append(_observed(((column, 0),)))
        elif column.code in PRESSURE:
            for at, ms in enumerate(column.times_ms):
                pressures.setdefault((ms, column.entry), []).append((column, at))
        else:
            found += [_observed(((column, at),)) for at in range(len(column.times_ms))]
    found += [_observed(tuple(sorted(parts, key=lambda p: p[0].position))) for parts in pressures.values()]
    return found


def is_wave(column: Column) -> bool:
    """A waveform by its metric; or, when nobody knows the metric, by its rhythm."""
    metric = CATALOGUE.get(column.code)
    if metric is not None:
        return metric.kind == "waveform"
    times = column.times_ms
    return len(times) > 8 and times[-1] - times[0] < _WAVE_PERIOD_MS * (len(times) - 1)


def _observed(parts: tuple[tuple[Column, int], ...]) -> Observed:
    column, at = parts[0]
    index = 0 if is_wave(column) else column.first + at
    return Observed(column.times_ms[at], column.entry, column.position, index, parts)


def _common(observed: Observed, column: Column, code: str, patient_id: str) -> Resource:
    metric = CATALOGUE.get(code)
    resource: Resource = {
        "resourceType": "Observation",
        "id": observed.id,
        "meta": _meta(observed, column, code),
    }
    phd = phd_profile_of(code)
    if phd is not None:
        resource["extension"] = [gateway_extension(column.object_id)]
    resource["status"] = observed.status
    categories = [concept(coding(CATEGORY, metric.category))] if metric and metric.category else []
    if phd is not None:
        categories.append(PHD_CATEGORY)
    if categories:
        resource["category"] = categories
    resource["code"] = code_of(code)
    resource["subject"] = {"reference": f"Patient/{patient_id}"}
    if is_wave(column):
        resource["effectivePeriod"] = {
            "start": instant(column.times_ms[0]),
            "end": instant(column.times_ms[-1]),
        }
    else:
        resource["effectiveDateTime"] = instant(observed.at_ms)
    resource["issued"] = instant(column.received_ms)
    resource["device"] = {"reference": f"Device/{column.object_id}"}
    if notes := _notes(observed, column):
        resource["note"] = [{"text": text} for text in notes]
    return resource


def _meta(observed: Observed, column: Column, code: str) -> Resource:
    """The profile; who asserts it and that it is signed (HL7 labels); our trust level and quality flags."""
    meta: Resource = {"versionId": observed.version, "lastUpdated": instant(observed.received_ms)}
    metric = CATALOGUE.get(code)
    profiles = []
    if not is_wave(column) and (profile := profile_of(code, column.unit)):
        profiles = [_VITALS, profile] if metric and metric.category == "vital-signs" else [profile]
        if observed.in_error and code == _BMI:
            profiles.remove(profile)  # alone among them, it wants a value even where there is none to give
    if phd := phd_profile_of(code):
        profiles.append(phd)
    if profiles:
        meta["profile"] = profiles
    asserted = ("PATAST", "patient asserted") if column.trust == Trust.ENTERED else ("DEVAST", "device asserted")
    meta["security"] = [coding(SECURITY, *asserted), coding(SECURITY, "DIGSIG", "digital signature")]
    quality = sorted(column.flags) + [f"doubt-{doubt}" for doubt in _doubts(observed)]
    meta["tag"] = [
        coding(TRUST, str(column.trust), str(Trust(column.trust).label)),
        *(coding(QUALITY, flag) for flag in quality),
    ]
    return meta


def _doubts(observed: Observed) -> list[str]:
    doubts = {doubt for column, at in observed.parts if (doubt := column.doubts.get(at))}
    return sorted(doubts)


def _notes(observed: Observed, column: Column) -> list[str]:
    notes = [f"To be checked: {doubt}." for doubt in _doubts(observed)]
    if "contested" in column.flags:
        notes.append("Contested: another envelope claims the same place; the object may have been cloned.")
    if observed.superseded_by:
        notes.append(f"Superseded: Observation/{observed.superseded_by} stands for this one.")
    if column.correction_ms:
        notes.append(f"The object's clock was corrected by {column.correction_ms} ms.")
    return notes


def _decimal(column: Column, at: int) -> Decimal:
    return Decimal(column.values[at]).scaleb(column.exponent)


def _quantity(column: Column, value: Decimal) -> Resource:
    return {"value": value, "unit": column.unit, "system": UCUM, "code": column.unit}


def _value(column: Column, at: int) -> Resource:
    value = _decimal(column, at)
    metric = CATALOGUE.get(column.code)
    if metric is not None and metric.states and value == value.to_integral_value():
        state = metric.states.get(int(value))
        shown = state[1] if state else str(int(value))
        return {"valueCodeableConcept": concept(coding(METRICS, f"{column.code}#{int(value)}"), text=shown)}
    return {"valueQuantity": _quantity(column, value)}


def _masked(column: Column) -> tuple[Resource, str]:
    """No value, and why: whoever reads this learns that what they may have kept was not this patient's."""
    absent = concept(coding(_ABSENT, "masked", "Masked"))
    if column.code in PRESSURE:
        parts = [{"code": code_of(code), "dataAbsentReason": absent} for code in (SYSTOLIC, DIASTOLIC)]
        return {"component": parts}, PANEL
    return {"dataAbsentReason": absent}, column.code


def _components(parts: Iterable[tuple[Column, int]]) -> Iterator[Resource]:
    """Systolic and diastolic always (the profile asks for both), then what else was measured."""
    there = {column.code: (column, at) for column, at in parts}
    for code in PRESSURE:
        if code in there:
            column, at = there[code]
            yield {"code": code_of(code), "valueQuantity": _quantity(column, _decimal(column, at))}
        elif code in (SYSTOLIC, DIASTOLIC):
            yield {"code": code_of(code), "dataAbsentReason": concept(coding(_ABSENT, "unknown", "Unknown"))}


def _sampled(column: Column) -> Resource:
    """A waveform: data times factor, plus origin, is the value; one every `period` milliseconds."""
    span, steps = column.times_ms[-1] - column.times_ms[0], max(1, len(column.values) - 1)
    period = (Decimal(span) / steps).quantize(Decimal("0.001")).normalize()
    return {
        "valueSampledData": {
            "origin": {**_quantity(column, Decimal(0))},
            "period": period if period > 0 else Decimal(1),
            "factor": Decimal(1).scaleb(column.exponent),
            "dimensions": 1,
            "data": " ".join(map(str, column.values)),
        }
    }
