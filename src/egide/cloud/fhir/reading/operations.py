"""Observation/$lastn and Observation/$stats: what R4 computes over observations, here over what was released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any, Final

from django.http import QueryDict

from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.bundles import searchset
from egide.cloud.fhir.codes import PANEL, PRESSURE, code_of, codings_of
from egide.cloud.fhir.observations import Observed
from egide.cloud.fhir.reading.observation import KIND, limited, observed_in, subject_of
from egide.cloud.fhir.registry import OPERATIONS, Operation
from egide.cloud.fhir.search import EVER_MS, Search, parse_search
from egide.cloud.fhir.systems import UCUM, coding, concept, instant
from egide.cloud.fhir.tokens import answers, parse_tokens
from egide.cloud.fhir.wrong import ParameterError
from egide.cloud.people.models import Account
from egide.cloud.release.door import release
from egide.errors import NotFoundError
from egide.measure.catalogue import CATALOGUE, convert

__all__ = ["register"]

_STATISTICS: Final = "http://terminology.hl7.org/CodeSystem/observation-statistics"
_NAMES: Final = {
    "average": "Average", "maximum": "Maximum", "minimum": "Minimum", "count": "Count", "total-count": "Total Count",
    "median": "Median", "std-dev": "Standard Deviation", "sum": "Sum", "variance": "Variance",
    "20-percent": "20th Percentile", "80-percent": "80th Percentile",
}  # fmt: skip
_LISTED: Final = ("subject", "code", "system", "duration", "statistic", "_format", "_pretty", "_purpose")
_CONTEXT: Final = Context(prec=12)
_HOUR_MS: Final = 3_600_000
Body = dict[str, Any]


def register() -> None:
    """Put both in the registry."""
    base = "http://hl7.org/fhir/OperationDefinition/Observation-"
    OPERATIONS[KIND, "$lastn"] = Operation(
        name="$lastn",
        definition=base + "lastn",
        run=_lastn,
        text="The last `max` (1) of each code; a search's filters.",
    )
    OPERATIONS[KIND, "$stats"] = Operation(
        name="$stats", definition=base + "stats", run=_stats, text="subject, code, system, duration (hours), statistic"
    )


def _lastn(asked: Asked, _: str) -> Body:
    """The last ones of each code, the latest first. Raises as a search does."""
    query = asked.query.copy()
    most = _whole("max", query.pop("max", ["1"])[-1], 1_000)
    wanted = parse_search(query, now_ms=asked.now_ms, strict=asked.strict)
    patient = subject_of(asked, wanted.patient)
    found: list[Observed] = []
    taken: dict[str, int] = {}
    for one in reversed(_all(asked, limited(asked, wanted, patient), patient)):
        taken[one.code] = taken.get(one.code, 0) + 1
        if taken[one.code] <= most:
            found.append(one)
    shown = [one.resource(str(patient.pk)) for one in found[: wanted.count or None]]
    return searchset(asked, KIND, shown, wanted.common, total=len(found))


def _all(asked: Asked, wanted: Search, patient: Account) -> list[Observed]:
    """Everything that answers, in the order of time."""
    asked.require(KIND, "search-type", patient)
    ask = asked.ask(patient, since_ms=wanted.since_ms, until_ms=wanted.until_ms, codes=wanted.codes)
    return [one for one in observed_in(release(ask, now_ms=asked.now_ms)) if wanted.keep(one)]


def _stats(asked: Asked, _: str) -> Body:
    """Parameters with one Observation a code: each statistic is a component.

    Raises:
        ParameterError: no code, an unknown statistic, a parameter that $stats has not.
    """
    query = asked.query
    for name in query:
        if name not in _LISTED:
            raise ParameterError(name, "parameter not supported")
    statistics = [name for text in query.getlist("statistic") for name in text.split(",")]
    if not statistics or any(name not in _NAMES for name in statistics):
        raise ParameterError("statistic", f"is one or several of {', '.join(_NAMES)}")
    codes = [code for text in query.getlist("code") for code in text.split(",")]
    if not codes or len(codes) > 20:
        raise ParameterError("code", "is one or several codes, 20 at most")
    until = asked.now_ms + 1
    hours = _whole("duration", query.get("duration", "0"), 24 * 366 * 100)
    since = until - hours * _HOUR_MS if hours else 0
    patient = subject_of(asked, query.get("subject", "").removeprefix("Patient/"))
    system = query.get("system", "")
    found = []
    for text in codes:
        code = _known(text, system)
        search = QueryDict(mutable=True)
        search["code"] = code
        wanted = replace(
            parse_search(search, now_ms=asked.now_ms), since_ms=since, until_ms=until if hours else EVER_MS
        )
        values = _values(code, _all(asked, limited(asked, wanted, patient), patient))
        found.append(_statistics(code, values, statistics, str(patient.pk), since, until))
    return {"resourceType": "Parameters", "parameter": [{"name": "statistics", "resource": one} for one in found]}


def _known(text: str, system: str) -> str:
    """The catalogue's code of a spot metric. Raises ParameterError: none answers to it."""
    token = parse_tokens("code", f"{system}|{text}" if system and "|" not in text else text)
    hits = [code for code in CATALOGUE if code not in (PANEL, *PRESSURE) and answers(token, codings_of(code))]
    own = [code for code in hits if any(one.code in (code, str(CATALOGUE[code].mdc)) for one in token)]
    if own:
        return own[0]
    raise ParameterError("code", "no metric of this server has that code")


def _values(code: str, found: Sequence[Observed]) -> list[Decimal]:
    """In the metric's own unit; what was entered in error, and what no unit converts, is not counted."""
    metric = CATALOGUE[code]
    values = []
    for one in found:
        amount = one.amount()
        if amount is None or one.status != "final":
            continue
        try:
            values.append(convert(*amount, metric.unit, metric))
        except NotFoundError:
            continue
    return sorted(values)


def _statistics(
    code: str, values: Sequence[Decimal], names: Sequence[str], patient: str, since: int, until: int
) -> Body:
    found: Body = {
        "resourceType": "Observation",
        "status": "final",
        "code": code_of(code),
        "subject": {"reference": f"Patient/{patient}"},
        "effectivePeriod": {**({"start": instant(since)} if since else {}), "end": instant(until - 1)},
    }
    unit = CATALOGUE[code].unit
    return {**found, "component": [_component(name, _computed(name, values), unit) for name in names]}


def _component(name: str, value: Decimal | None, unit: str) -> Body:
    said: Body = {"code": concept(coding(_STATISTICS, name, _NAMES[name]))}
    if value is None:
        absent = coding("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed", "Not Performed")
        return {**said, "dataAbsentReason": concept(absent)}
    if name in {"count", "total-count"}:
        unit = "1"
    elif name == "variance":
        unit = f"({unit})2"
    return {**said, "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit}}


def _computed(name: str, values: Sequence[Decimal]) -> Decimal | None:
    """`values` are sorted. None: there is nothing to compute it of."""
    n = len(values)
    if name in {"count", "total-count"}:
        return Decimal(n)
    if not n or (n < 2 and name in {"std-dev", "variance"}):
        return None
    total = sum(values, Decimal(0))
    match name:
        case "average":
            return _rounded(total / n)
        case "maximum":
            return values[-1]
        case "minimum":
            return values[0]
        case "median":
            return _rounded((values[(n - 1) // 2] + values[n // 2]) / 2)
        case "sum":
            return _rounded(total)
        case "20-percent" | "80-percent":
            return values[min(n - 1, n * int(name[:2]) // 100)]
    mean = total / n
    variance = sum(((value - mean) ** 2 for value in values), Decimal(0)) / (n - 1)
    return _rounded(variance if name == "variance" else variance.sqrt())


def _rounded(value: Decimal) -> Decimal:
    """Twelve digits, written without an exponent and without zeros that say nothing."""
    kept = _CONTEXT.plus(value).normalize()
    return kept.quantize(Decimal(1)) if int(kept.as_tuple().exponent) > 0 else kept


def _whole(name: str, text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 7 or int(text) > most:
        raise ParameterError(name, f"is a whole number of {most} at most")
    return int(text)
