"""How a metric of the catalogue is said in FHIR: its codings, its profile, the units that the profile takes.

R4 asks that a more precise vital sign also bears the general code (vital signs: "magic" LOINC values).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

from egide.cloud.fhir.systems import LOINC, MDC, METRICS, coding, concept
from egide.errors import MalformedError
from egide.measure.catalogue import CATALOGUE

__all__ = ["DIASTOLIC", "PANEL", "PRESSURE", "SYSTOLIC", "code_of", "codes_searched", "profile_of"]

SYSTOLIC: Final = "8480-6"
DIASTOLIC: Final = "8462-4"
PRESSURE: Final = (SYSTOLIC, DIASTOLIC, "8478-0")
PANEL: Final = "85354-9"
_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
_GENERAL: Final = {
    "59408-5": "2708-6", "40443-4": "8867-4", "8889-8": "8867-4",
    "8331-1": "8310-5", "8333-7": "8310-5", "8328-7": "8310-5", "8332-9": "8310-5", "8329-5": "8310-5",
}  # fmt: skip
_PROFILES: Final = {
    PANEL: ("bp", frozenset({"mm[Hg]"})),
    "8867-4": ("heartrate", frozenset({"/min"})),
    "9279-1": ("resprate", frozenset({"/min"})),
    "8310-5": ("bodytemp", frozenset({"Cel", "[degF]"})),
    "29463-7": ("bodyweight", frozenset({"kg", "g", "[lb_av]"})),
    "8302-2": ("bodyheight", frozenset({"cm", "[in_i]"})),
    "39156-5": ("bmi", frozenset({"kg/m2"})),
    "2708-6": ("oxygensat", frozenset({"%"})),
}


def profile_of(code: str, unit: str) -> str | None:
    """The vital-signs profile that an observation of `code` in `unit` conforms to."""
    name, units = _PROFILES.get(_GENERAL.get(code, code), ("", frozenset()))
    return _BASE + name if unit in units else None


@functools.cache
def _codings(code: str) -> tuple[tuple[str, str, str], ...]:
    """(system, code, display) of a metric, the general LOINC code first."""
    metric = CATALOGUE.get(code)
    if metric is None:
        return ((METRICS, code, ""),)
    found = []
    if general := _GENERAL.get(code):
        found.append((LOINC, general, CATALOGUE[general].en))
    if metric.system == "loinc":
        found.append((LOINC, code, metric.en))
    elif metric.system == "egide":
        found.append((METRICS, code, metric.en))
    if metric.mdc is not None:
        found.append((MDC, str(metric.mdc), metric.mdc_name or ""))
    return tuple(found)


def code_of(code: str) -> dict[str, Any]:
    """The CodeableConcept of a metric."""
    metric = CATALOGUE.get(code)
    return concept(*(coding(*entry) for entry in _codings(code)), text=metric.en if metric else code)


def codes_searched(tokens: Iterable[str]) -> tuple[str, ...]:
    """The catalogue's codes whose codings hold one of the tokens (`code`, `system|code` or `|code`).

    A token that nothing answers is returned itself: an unknown metric can still be asked for.

    Raises:
        MalformedError: an empty token.
    """
    wanted: list[str] = []
    for token in tokens:
        system, bar, code = token.rpartition("|")
        if not code or len(code) > 64:
            raise MalformedError("a code is empty or too long")
        hits = [key for key in CATALOGUE if _answers(key, system if bar else "", code)]
        wanted += [member for hit in hits for member in (CATALOGUE[hit].members or (hit,))] or [code]
    return tuple(dict.fromkeys(wanted))


def _answers(key: str, system: str, code: str) -> bool:
    return any(c == code and system in ("", s) for s, c, _ in _codings(key))
