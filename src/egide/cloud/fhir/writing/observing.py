"""An Observation becomes what an envelope carries: series of one instant, or of one stretch of a waveform. Pure.

What an envelope has no place for is either harmless to leave (said in the answer), or would change what the value means
(refused, by the element's name).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, Final

from egide.cloud.fhir.writing.coding import choose, metric_of, number, quantity, text
from egide.cloud.fhir.writing.problems import (
    ElementError,
    KindError,
    MissingElementError,
    NotKeptError,
    UnknownElementError,
    UnsupportedError,
)
from egide.cloud.fhir.writing.times import instant_ms
from egide.measure.catalogue import Metric
from egide.measure.readings import MAX_EXPONENT, MAX_PERIOD_US, MAX_VALUE, Series

__all__ = ["REPLACES", "Measured", "read_observation"]

REPLACES: Final = "http://hl7.org/fhir/StructureDefinition/observation-replaces"
_KEPT: Final = frozenset({
    "resourceType", "status", "code", "subject", "effectiveDateTime", "effectiveInstant", "effectivePeriod",
    "component", "valueQuantity", "valueCodeableConcept", "valueSampledData", "identifier",
})  # fmt: skip
#: Said to be left out: they add to the value, and it is whole without them.
_LEFT: Final = frozenset({
    "id", "meta", "text", "language", "category", "issued", "performer", "device", "method", "basedOn", "partOf",
    "encounter", "interpretation", "referenceRange", "note", "extension", "bodySite", "contained", "derivedFrom",
})  # fmt: skip
#: Without them the value would say something else.
_REFUSED: Final = frozenset({
    "modifierExtension", "implicitRules", "focus", "specimen", "hasMember", "dataAbsentReason", "effectiveTiming",
    "valueString", "valueBoolean", "valueInteger", "valueRange", "valueRatio", "valueTime", "valueDateTime",
    "valuePeriod",
})  # fmt: skip
_STATUSES: Final = frozenset({"final", "amended", "corrected"})
_MOST_SAMPLES: Final = 20_000
_EXACT: Final = 100  # digits: more than a sample, a factor and an origin have together
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one Observation says. The times of `series` are from `t0_ms`; `left` are elements that are not kept."""

    t0_ms: int
    series: tuple[Series, ...]
    identifier: tuple[str, str] | None
    replaces: str
    left: tuple[str, ...]


def read_observation(resource: Resource, where: str = "Observation") -> Measured:
    """Read an Observation that somebody wants to write. `where` is what expressions begin with.

    Raises:
        ElementError and its kinds: the first element that is not right.
    """
    if resource.get("resourceType") != "Observation":
        raise KindError("only an Observation is written here", f"{where}.resourceType")
    left = _require_known(resource, where)
    replaces = _replaces(resource, where)
    status = text(resource.get("status"), f"{where}.status")
    if status not in _STATUSES:
        raise ElementError("what is written is final", f"{where}.status")
    if status != "final" and not replaces:
        raise MissingElementError("what corrects another says which", f"{where}.extension('{REPLACES}')")
    metric = metric_of(resource.get("code"), f"{where}.code")
    if "valueSampledData" in resource:
        t0_ms, series = _wave(resource, metric, where)
    else:
        t0_ms, series = _when(resource, where), _spots(resource, metric, where)
    return Measured(t0_ms=t0_ms, series=series, identifier=_identifier(resource, where), replaces=replaces, left=left)


def _require_known(resource: Resource, where: str) -> tuple[str, ...]:
    left = []
    for name in resource:
        if name in _REFUSED:
            raise NotKeptError("this would be lost, and changes what the value means", f"{where}.{_element(name)}")
        if name in _LEFT:
            left.append(f"{where}.{name}")
        elif name.startswith("_") and name[1:] in _KEPT | _LEFT:
            raise NotKeptError("an extension of a value would be lost", f"{where}.{name[1:]}")
        elif name not in _KEPT:
            raise UnknownElementError("an Observation has no such element", where)  # its name may quote anything
    return tuple(left)


def _element(name: str) -> str:
    """The element that a JSON name is of: FHIRPath says value, not valueString."""
    return next((choice for choice in ("value", "effective") if name.startswith(choice)), name)


def _replaces(resource: Resource, where: str) -> str:
    """The reference of the Observation that this one supersedes, or ""."""
    extensions = resource.get("extension", [])
    if not isinstance(extensions, list):
        raise ElementError("extensions are a list", f"{where}.extension")
    found = [e for e in extensions if isinstance(e, dict) and e.get("url") == REPLACES]
    if not found:
        return ""
    at = f"{where}.extension('{REPLACES}')"
    target = found[0].get("valueReference")
    if len(found) > 1 or not isinstance(target, dict):
        raise ElementError("one Observation replaces one other, by its reference", at)
    return text(target.get("reference"), f"{at}.value.reference")


def _identifier(resource: Resource, where: str) -> tuple[str, str] | None:
    found = resource.get("identifier")
    if found is None:
        return None
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise ElementError("identifiers are a list", f"{where}.identifier")
    if len(found) > 1:
        raise UnsupportedError("one identifier is kept in mind, and no more", f"{where}.identifier")
    at = f"{where}.identifier"
    return text(found[0].get("system"), f"{at}.system"), text(found[0].get("value"), f"{at}.value")


def _when(resource: Resource, where: str) -> int:
    given = [name for name in ("effectiveDateTime", "effectiveInstant", "effectivePeriod") if name in resource]
    if len(given) != 1:
        raise MissingElementError("a measurement has one time", f"{where}.effective")
    if given[0] == "effectivePeriod":
        raise NotKeptError("a value over a period is not one of an instant", f"{where}.effective")
    return instant_ms(resource[given[0]], f"{where}.effective")


def _spots(resource: Resource, metric: Metric, where: str) -> tuple[Series, ...]:
    if metric.kind == "panel":
        return _panel(resource, metric, where)
    if "component" in resource:
        raise NotKeptError("this metric has no components", f"{where}.component")
    if metric.kind == "waveform":
        raise MissingElementError("a waveform is sampled data", f"{where}.valueSampledData")
    return (_spot(resource, metric, where),)


def _spot(holder: Resource, metric: Metric, where: str) -> Series:
    """The series of the one value that an Observation, or a component, holds."""
    if metric.states:
        if "valueCodeableConcept" not in holder or "valueQuantity" in holder:
            raise MissingElementError("this metric's value is one of its states", f"{where}.value")
        digits, exponent = choose(holder["valueCodeableConcept"], metric, f"{where}.value"), 0
        unit = metric.unit
    else:
        if "valueQuantity" not in holder or "valueCodeableConcept" in holder:
            raise MissingElementError("this metric's value is a Quantity", f"{where}.value")
        digits, exponent, unit = quantity(holder["valueQuantity"], metric, f"{where}.value")
    return Series(code=metric.code, unit=unit, times=0, exponent=exponent, values=(digits,))


def _panel(resource: Resource, metric: Metric, where: str) -> tuple[Series, ...]:
    """One series a component that has a value, in the catalogue's order."""
    parts = resource.get("component")
    if "valueQuantity" in resource or "valueCodeableConcept" in resource:
        raise NotKeptError("a panel has its values in components", f"{where}.value")
    if not isinstance(parts, list) or not parts:
        raise MissingElementError("a panel has components", f"{where}.component")
    found: dict[str, Series] = {}
    for at, part in enumerate(parts):
        here = f"{where}.component[{at}]"
        if not isinstance(part, dict):
            raise ElementError("a component is an object", here)
        member = metric_of(part.get("code"), f"{here}.code")
        if member.code not in metric.members or member.code in found:
            raise ElementError("this is no component of the panel, or it is there twice", f"{here}.code")
        odd = set(part) - {"id", "code", "valueQuantity", "dataAbsentReason", "interpretation", "referenceRange"}
        if odd:
            raise NotKeptError("this would be lost", here)
        if "valueQuantity" not in part and "dataAbsentReason" in part:
            continue
        found[member.code] = _spot(part, member, here)
    if not found:
        raise MissingElementError("no component has a value", f"{where}.component")
    return tuple(found[code] for code in metric.members if code in found)


def _wave(resource: Resource, metric: Metric, where: str) -> tuple[int, tuple[Series, ...]]:
    """SampledData as integers with one exponent: (data * factor + origin), exactly."""
    at = f"{where}.value"
    data = resource["valueSampledData"]
    if metric.kind != "waveform":
        raise NotKeptError("sampled data is of a waveform; send its values one by one", at)
    if not isinstance(data, dict):
        raise ElementError("SampledData is an object", at)
    if odd := set(data) - {"origin", "period", "factor", "dimensions", "data"}:
        raise NotKeptError("limits of what was measured would be lost", f"{at}.{min(odd)}" if len(odd) == 1 else at)
    if number(data.get("dimensions"), f"{at}.dimensions") != (1, 0):
        raise UnsupportedError("one dimension is kept", f"{at}.dimensions")
    origin, low, unit = quantity(data.get("origin"), metric, f"{at}.origin")
    values, exponent = _scaled(data, Decimal(origin).scaleb(low), at)
    period = resource.get("effectivePeriod")
    if not isinstance(period, dict):
        raise MissingElementError("a waveform lasts a period", f"{where}.effective")
    t0_ms = instant_ms(period.get("start"), f"{where}.effective.start")
    times = _period_us(data, at) if len(values) > 1 else 0
    return t0_ms, (Series(code=metric.code, unit=unit, times=times, exponent=exponent, values=values),)


def _period_us(data: Resource, at: str) -> int:
    digits, exponent = number(data.get("period"), f"{at}.period")
    found = Decimal(digits).scaleb(exponent + 3)
    if found != found.to_integral_value() or not 0 < found <= MAX_PERIOD_US:
        raise ElementError("a period is a whole number of microseconds", f"{at}.period")
    return int(found)


def _scaled(data: Resource, origin: Decimal, at: str) -> tuple[tuple[int, ...], int]:
    digits, exponent = number(data.get("factor", 1), f"{at}.factor")
    factor = Decimal(digits).scaleb(exponent)
    samples = data.get("data")
    if not isinstance(samples, str) or not samples.strip():
        raise MissingElementError("there are no samples", f"{at}.data")
    words = samples.split(" ")
    if len(words) > _MOST_SAMPLES:
        raise ElementError(f"a strip has {_MOST_SAMPLES} samples at most", f"{at}.data")
    least = min(0, exponent, int(origin.as_tuple().exponent))
    with localcontext(prec=_EXACT):
        scaled = [int((_sample(word, at) * factor + origin).scaleb(-least)) for word in words]
    if max(map(abs, scaled)) > MAX_VALUE or least < -MAX_EXPONENT:
        raise ElementError("the samples have too many digits", f"{at}.data")
    return tuple(scaled), least


def _sample(word: str, at: str) -> int:
    if not (word.isascii() and word.lstrip("-").isdigit() and len(word) <= 16):
        raise NotKeptError("a sample is a whole number: E, U and L would be lost", f"{at}.data")
    return int(word)
