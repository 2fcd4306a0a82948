"""What every search and read may say of its answer: how much, which elements, in which form."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict

from egide.cloud.fhir.systems import SECURITY, coding
from egide.cloud.fhir.wrong import ParameterError, named

__all__ = ["COMMON", "Common", "cut", "parse_common", "unknown"]

COMMON: Final = frozenset({"_count", "_summary", "_elements", "_total", "_format", "_pretty", "_purpose"})
DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 1000
_SUMMARIES: Final = ("true", "text", "data", "count", "false")
_TOTALS: Final = ("none", "estimate", "accurate")
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})
_PREFIXES: Final = ("patient:Patient", "subject:Patient")
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """`count` 0: only how many. `ignored` are parameters that the reader said may be ignored, and were."""

    count: int = DEFAULT_COUNT
    summary: str = "false"
    elements: frozenset[str] = frozenset()
    total: str = ""
    ignored: tuple[str, ...] = ()

    @property
    def counts_only(self) -> bool:
        return self.summary == "count" or self.count == 0


def unknown(query: QueryDict, known: Collection[str], *, strict: bool) -> tuple[str, ...]:
    """The parameters that this search has not, where they may be ignored; a modifier or a chain never may.

    Raises:
        ParameterError: one that may not.
    """
    found = sorted({name for name in query if name not in known and name not in _PREFIXES})
    for name in found:
        if strict or ":" in name or "." in name or name.startswith("_has"):
            raise ParameterError(name, "search parameter not supported")
    return tuple(map(named, found))


def parse_common(query: QueryDict, *, ignored: tuple[str, ...] = ()) -> Common:
    """Raises ParameterError."""
    summary, total = query.get("_summary", "false"), query.get("_total", "")
    if summary not in _SUMMARIES:
        raise ParameterError("_summary", f"is one of {', '.join(_SUMMARIES)}")
    if total and total not in _TOTALS:
        raise ParameterError("_total", f"is one of {', '.join(_TOTALS)}")
    elements = query.get("_elements")
    wanted = frozenset(elements.split(",")) if elements is not None else frozenset()
    if not all(name.isascii() and name.isalnum() and len(name) <= 40 for name in wanted):
        raise ParameterError("_elements", "is names of elements, separated by commas")
    return Common(count=_count(query), summary=summary, elements=wanted, total=total, ignored=ignored)


def _count(query: QueryDict) -> int:
    text = query.get("_count")
    if text is None:
        return DEFAULT_COUNT
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ParameterError("_count", "is a number, 0 for how many there are")
    return min(int(text), MAX_COUNT)


def cut(resource: Resource, common: Common, *, mandatory: Collection[str], summary: Collection[str]) -> Resource:
    """The resource without what was not asked for, and marked so (SUBSETTED)."""
    if common.elements:
        kept = {*_ALWAYS, *mandatory, *common.elements}
    elif common.summary == "true":
        kept = {*_ALWAYS, *mandatory, *summary}
    elif common.summary == "text":
        kept = {*_ALWAYS, *mandatory, "text"}
    else:
        return resource
    left = {
        name: value
        for name, value in resource.items()
        if name in kept or any(name.startswith(choice) for choice in kept if choice in {"effective", "value"})
    }
    meta = {**left.get("meta", {})}
    meta["tag"] = [*meta.get("tag", []), coding(SECURITY, "SUBSETTED", "subsetted")]
    return {**left, "meta": meta}
