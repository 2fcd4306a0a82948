"""How a metric of the catalogue is said in FHIR: its codings, its profile, the units that the profile takes.

R4 asks that a more precise vital sign also bears the general code (vital signs: "magic" LOINC values).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

from egide.cloud.fhir.systems import LOINC, MDC, METRICS, coding, concept
from egide.cloud.fhir.tokens import Token, answers
from egide.measure.catalogue import CATALOGUE

__all__ = [
    "DIASTOLIC", "PANEL", "PRESSURE", "SYSTOLIC", "code_of", "codes_searched", "codings_of", "measured_by",
    "profile_of",
]  # fmt: skip

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


@functools.cache
def codings_of(code: str) -> tuple[tuple[str, str], ...]:
    """(system, code) of each coding that a metric's observation bears."""
    return tuple((system, value) for system, value, _ in _codings(code))


def codes_searched(tokens: Iterable[Token], *, components: bool = False, alone: bool = True) -> tuple[str, ...]:
    """The codes of observations that answer one of the tokens: a panel's, a metric's.

    `components`: a panel answers by its components' codes too; without `alone`, by those only. A code that nobody knows
    is looked for as it is: an unknown metric can still be asked for.
    """
    tokens = list(tokens)
    known = (
        {code for code in CATALOGUE if code not in PRESSURE and answers(tokens, codings_of(code))} if alone else set()
    )
    if components and any(answers(tokens, codings_of(code)) for code in PRESSURE):
        known.add(PANEL)
    if alone:
        known |= {t.code for t in tokens if t.system in (None, METRICS) and t.code and t.code not in CATALOGUE}
    return tuple(sorted(known))


def measured_by(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes of the series that observations of these codes are made of: a panel is never asked for in part."""
    found: list[str] = []
    for code in codes:
        found += CATALOGUE[code].members or (code,) if code in CATALOGUE else (code,)
    return tuple(dict.fromkeys(found))
