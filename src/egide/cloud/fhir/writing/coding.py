"""Which metric a CodeableConcept means, and in which of its units a Quantity is. Pure; nothing is guessed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from egide.cloud.fhir.codes import code_of
from egide.cloud.fhir.systems import LOINC, MDC, METRICS, UCUM
from egide.cloud.fhir.writing.problems import ElementError, MetricError, MissingElementError, NotKeptError, UnitError
from egide.errors import MalformedError
from egide.measure.catalogue import CATALOGUE, Metric
from egide.measure.readings import MAX_EXPONENT, MAX_VALUE, exact

__all__ = ["choose", "metric_of", "number", "quantity", "text"]

_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
Resource = dict[str, Any]


def metric_of(concept: Any, where: str) -> Metric:
    """The metric that every coding known here agrees on; of two, the more precise one.

    Raises:
        MissingElementError: no coding. MetricError: no such metric, or several.
    """
    if not isinstance(concept, dict) or not isinstance(concept.get("coding"), list) or not concept["coding"]:
        raise MissingElementError("a code has a coding", f"{where}.coding")
    known = [found for coding in concept["coding"] if (found := _candidates(coding, f"{where}.coding"))]
    if not known:
        raise MetricError("no metric of this server has one of these codes", f"{where}.coding")
    agreed = set.intersection(*known) or set.union(*known)
    general = {other for one in agreed for other in agreed if other != one and _says(one, other)}
    left = agreed - general
    if len(left) != 1:
        raise MetricError("these codes do not say one and the same metric", f"{where}.coding")
    return CATALOGUE[left.pop()]


def _candidates(coding: Any, where: str) -> set[str]:
    if not isinstance(coding, dict):
        raise ElementError("a coding is an object", where)
    system, code = coding.get("system"), text(coding.get("code"), f"{where}.code")
    if system == LOINC:
        return {code} if (m := CATALOGUE.get(code)) and m.system == "loinc" else set()
    if system == METRICS:
        return {code} if (m := CATALOGUE.get(code)) and m.system == "egide" else set()
    if system == MDC:
        return {key for key, m in CATALOGUE.items() if m.mdc is not None and str(m.mdc) == code}
    return set()


def _says(precise: str, general: str) -> bool:
    """Whether what is coded `precise` bears the code `general` too (R4: vital signs)."""
    return any(c["system"] == LOINC and c["code"] == general for c in code_of(precise)["coding"])


def quantity(value: Any, metric: Metric, where: str) -> tuple[int, int, str]:
    """(integer, exponent, unit of the metric's): the digits as they were sent.

    Raises:
        ElementError and its kinds: no number, a comparator, a unit that does not convert exactly.
    """
    if not isinstance(value, dict):
        raise ElementError("a Quantity is an object", where)
    if "comparator" in value:
        raise NotKeptError("a comparator makes another value of it", f"{where}.comparator")
    if "value" not in value:
        raise MissingElementError("a Quantity has a value", f"{where}.value")
    if value.get("system") != UCUM:
        raise UnitError("a unit is of UCUM", f"{where}.system")
    unit = text(value.get("code"), f"{where}.code")
    plain = _ANNOTATION.sub("", unit)  # UCUM 12: an annotation has no meaning of its own
    if unit not in metric.units and plain not in metric.units:
        raise UnitError("the metric does not take this unit", f"{where}.code")
    digits, exponent = number(value["value"], f"{where}.value")
    return digits, exponent, unit if unit in metric.units else plain


def choose(value: Any, metric: Metric, where: str) -> int:
    """The state of a status, from the coding that this server gives it. Raises ElementError."""
    codings = value.get("coding") if isinstance(value, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and coding.get("system") == METRICS:
            key, _, state = text(coding.get("code"), f"{where}.coding.code").partition("#")
            if key == metric.code and state.isascii() and state.isdigit() and int(state[:9]) in metric.states:
                return int(state)
    raise ElementError("this is no state of the metric", f"{where}.coding")


def number(value: Any, where: str) -> tuple[int, int]:
    """A JSON number as (integer, exponent), digit by digit. Raises ElementError: none, or too many digits."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ElementError("this is no number", where)
    try:
        digits, exponent = exact(str(value))
    except MalformedError as err:
        raise ElementError("a number has too many digits", where) from err
    if abs(digits) > MAX_VALUE or exponent < -MAX_EXPONENT:
        raise ElementError("a number has too many digits", where)
    return digits, exponent


def text(value: Any, where: str) -> str:
    """A string that is there and not long. Raises MissingElementError, ElementError."""
    if value is None:
        raise MissingElementError("this is missing", where)
    if not isinstance(value, str) or not 0 < len(value) <= 256 or not value.isprintable():
        raise ElementError("this is not a short line of text", where)
    return value
