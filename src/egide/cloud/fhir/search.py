"""The parameters of a search for observations, read strictly: a filter that is ignored in silence is a danger.

What a filter says is judged on what the door released, never before: to a restricted reader what is hidden was never
measured. The codes and the period alone are told to the door, so that the journal says what was asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.core.signing import BadSignature, Signer
from django.http import QueryDict

from egide.cloud.fhir.asked import EVER_MS
from egide.cloud.fhir.codes import codes_searched, measured_by
from egide.cloud.fhir.common import COMMON, Common, parse_common, unknown
from egide.cloud.fhir.dates import parse_dates
from egide.cloud.fhir.observations import Observed
from egide.cloud.fhir.phd import PHD_CATEGORY, phd_profile_of
from egide.cloud.fhir.quantities import parse_amounts
from egide.cloud.fhir.systems import CATEGORY
from egide.cloud.fhir.tokens import answers, parse_references, parse_tokens
from egide.cloud.fhir.wrong import ParameterError
from egide.measure.catalogue import CATALOGUE

__all__ = ["EVER_MS", "PARAMETERS", "Search", "parse_cursor", "parse_search", "write_cursor"]

#: name, type, what it finds: as the CapabilityStatement tells it.
PARAMETERS: Final = (
    ("patient", "reference", "whose record; one's own when absent"),
    ("subject", "reference", "the same as patient"),
    ("device", "reference", "the object that measured"),
    ("code", "token", "LOINC, MDC or ours; a panel by its panel's code; several separated by commas"),
    ("combo-code", "token", "the same, also by a component's code"),
    ("component-code", "token", "by a component's code only"),
    ("category", "token", "vital-signs, laboratory, activity..."),
    ("date", "date", "eq, ne, gt, lt, ge, le, sa, eb, ap; may be repeated; of a waveform, its period"),
    ("value-quantity", "quantity", "in any unit that the metric has: the value is converted"),
    ("component-value-quantity", "quantity", "the same, of a component"),
    ("combo-value-quantity", "quantity", "the same, of either"),
    ("status", "token", "final or entered-in-error"),
    ("_lastUpdated", "date", "when this version came to be"),
    ("_id", "token", "several separated by commas"),
)
SORTS: Final = ("date", "-date", "_lastUpdated", "-_lastUpdated")
_STATUSES: Final = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
)
_KNOWN: Final = COMMON | {name for name, _, _ in PARAMETERS} | {"_sort", "_cursor", "_include", "_revinclude"}
_FILTERS: Final = frozenset({*(name for name, _, _ in PARAMETERS), "patient:Patient", "subject:Patient"})
_INCLUDES: Final = frozenset({"Observation:device", "Observation:patient", "Observation:subject"})
_REVINCLUDES: Final = frozenset({"Provenance:target"})
Key = tuple[int, int, int, int, str]
Keep = Callable[[Observed], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for: the period is [since_ms, until_ms); no codes means every metric; `keeps` all hold."""

    common: Common
    patient: str = ""
    codes: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    since_ms: int = 0
    until_ms: int = EVER_MS
    keeps: tuple[Keep, ...] = ()
    sort: str = "-date"
    after: Key | None = None  # the last one of the page before
    includes: frozenset[str] = frozenset()
    revincludes: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        return self.common.count

    @property
    def newest_first(self) -> bool:
        return self.sort.startswith("-")

    @property
    def by_arrival(self) -> bool:
        return self.sort.endswith("_lastUpdated")

    def key(self, observed: Observed) -> Key:
        """Its place in the order asked for: the same for ever."""
        at_ms, entry, position, index = observed.key
        return (observed.received_ms if self.by_arrival else at_ms), entry, position, index, observed.whose

    def keep(self, observed: Observed) -> bool:
        return all(keep(observed) for keep in self.keeps)


def parse_search(query: QueryDict, *, now_ms: int, strict: bool = True, who: str = "") -> Search:
    """Read a search. `who` asks: a cursor is good for them and for the same question alone.

    Raises:
        ParameterError: a parameter that is not of its form, repeated without sense, or (where strict) unknown.
    """
    common = parse_common(query, ignored=unknown(query, _KNOWN, strict=strict))
    sort = _sort(query)
    since, until, dated = _dates(query, now_ms)
    codes, coded = _codes(query)
    keeps = (*dated, *coded, *_amounts(query), *_others(query, now_ms))
    ids = query.get("_id")
    found = frozenset(token.code for token in parse_tokens("_id", ids)) if ids is not None else frozenset()
    if ids is not None:
        keeps = (*keeps, lambda o: o.id in found)
    cursor = query.get("_cursor")
    return Search(
        common=common, patient=_patient(query), codes=codes, ids=found, since_ms=since, until_ms=until, keeps=keeps,
        sort=sort, after=parse_cursor(cursor, query, who) if cursor is not None else None,
        includes=_included(query, "_include", _INCLUDES), revincludes=_included(query, "_revinclude", _REVINCLUDES),
    )  # fmt: skip


def write_cursor(key: Key, query: QueryDict, who: str) -> str:
    """Where the next page of this question begins, for whoever asked it: signed, and nobody else's."""
    return _signer(query, who).sign_object(list(key))


def parse_cursor(text: str, query: QueryDict, who: str) -> Key:
    """Raises ParameterError: not one that this server gave to them for this question."""
    try:
        at_ms, entry, position, index, whose = _signer(query, who).unsign_object(text)
    except (BadSignature, ValueError, TypeError) as err:
        raise ParameterError("_cursor", "is not one that this server gave for this search") from err
    return at_ms, entry, position, index, whose


def _signer(query: QueryDict, who: str) -> Signer:
    told = (*_FILTERS, "_sort")
    asked = sorted((name, value) for name, values in query.lists() for value in values if name in told)
    return Signer(salt="fhir.cursor " + hashlib.sha256(repr((who, asked)).encode()).hexdigest())


def _one(query: QueryDict, name: str) -> str | None:
    values = query.getlist(name)
    if len(values) > 1:
        raise ParameterError(name, "is given once, values separated by commas")
    return values[0] if values else None


def _patient(query: QueryDict) -> str:
    found = {
        value.removeprefix("Patient/")
        for name in ("patient", "subject", "patient:Patient", "subject:Patient")
        for value in query.getlist(name)
    }
    if len(found) > 1 or "" in found:
        raise ParameterError("patient", "a search is about one patient")
    return found.pop() if found else ""


def _sort(query: QueryDict) -> str:
    text = query.get("_sort", "-date")
    if text not in SORTS:
        raise ParameterError("_sort", f"is one of {', '.join(SORTS)}")
    return text


def _dates(query: QueryDict, now_ms: int) -> tuple[int, int, list[Keep]]:
    values = query.getlist("date")
    if not values:
        return 0, EVER_MS, []
    dates = parse_dates("date", values, now_ms=now_ms)
    return (*dates.period(), [lambda o: dates.hold(o.at_ms, o.until_ms + 1)])


def _codes(query: QueryDict) -> tuple[tuple[str, ...], list[Keep]]:
    """What the door is asked for, and the filters."""
    asked: list[set[str]] = []
    keeps: list[Keep] = []
    for name, components, alone in (
        ("code", False, True), ("combo-code", True, True), ("component-code", True, False),
    ):  # fmt: skip
        text = _one(query, name)
        if text is None:
            continue
        tokens = parse_tokens(name, text)
        codes = frozenset(codes_searched(tokens, components=components, alone=alone))
        keeps.append(lambda o, codes=codes: o.code in codes)  # type: ignore[misc]
        # Nothing answers: the door is asked for what was written, so that no empty list means everything.
        asked.append({*measured_by(codes)} or {token.code or "*" for token in tokens})
    if not asked:
        return (), []
    common = set.intersection(*asked) or asked[0]
    return tuple(sorted(common)), keeps


def _amounts(query: QueryDict) -> list[Keep]:
    keeps: list[Keep] = []
    for name, alone, components in (
        ("value-quantity", True, False), ("component-value-quantity", False, True),
        ("combo-value-quantity", True, True),
    ):  # fmt: skip
        for text in query.getlist(name):
            amounts = parse_amounts(name, text)

            def keep(o: Observed, amounts=amounts, alone=alone, components=components) -> bool:  # type: ignore[no-untyped-def]
                there = o.amounts() if components else []
                if alone and (value := o.amount()) is not None:
                    there = [*there, (o.code, *value)]
                return any(a.holds(v, unit, CATALOGUE.get(code)) for code, v, unit in there for a in amounts)

            keeps.append(keep)
    return keeps


def _others(query: QueryDict, now_ms: int) -> list[Keep]:
    """By status, category, object and arrival."""
    keeps: list[Keep] = []
    if (text := _one(query, "status")) is not None:
        wanted = parse_tokens("status", text)
        if any(token.code not in _STATUSES for token in wanted):
            raise ParameterError("status", "is a code of http://hl7.org/fhir/observation-status")
        keeps.append(lambda o: any(token.code == o.status for token in wanted))
    for text in query.getlist("category"):
        tokens = parse_tokens("category", text)
        keeps.append(lambda o, tokens=tokens: answers(tokens, _categories(o.code)))  # type: ignore[misc]
    if (text := _one(query, "device")) is not None:
        objects = parse_references("device", "Device", text)
        keeps.append(lambda o: o.parts[0][0].object_id in objects)
    if values := query.getlist("_lastUpdated"):
        dates = parse_dates("_lastUpdated", values, now_ms=now_ms)
        keeps.append(lambda o: dates.hold(o.received_ms, o.received_ms + 1))
    return keeps


def _categories(code: str) -> list[tuple[str, str]]:
    """Those that its Observation bears."""
    metric = CATALOGUE.get(code)
    phd = PHD_CATEGORY["coding"] if phd_profile_of(code) is not None else []
    own = [(CATEGORY, metric.category)] if metric is not None and metric.category is not None else []
    return [*own, *((one["system"], one["code"]) for one in phd)]


def _included(query: QueryDict, name: str, known: frozenset[str]) -> frozenset[str]:
    found = frozenset(query.getlist(name))
    if not found <= known:
        raise ParameterError(name, f"is one of {', '.join(sorted(known))}")
    return found
