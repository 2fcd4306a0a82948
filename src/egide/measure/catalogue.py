"""The metric catalogue: every measure that an object may send, as data (catalogue.toml), read once.

A code that is not here is not refused anywhere: a reading nobody can name may still matter. It is flagged.
Conversions are exact: a factor and an offset are rational numbers, never floats.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, cast

from egide.errors import ConfigError, NotFoundError

__all__ = ["CATALOGUE", "SOURCES", "Conversion", "Metric", "convert", "metric", "names"]

Kind = Literal["spot", "series", "waveform", "status", "panel"]
Certainty = Literal["published", "corroborated", "own"]
Lang = Literal["fr", "en"]

DIGITS: Final = 28  # of a conversion whose result has no finite decimal form (1/3), rounded half to even
_CONTEXT: Final = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Conversion:
    """canonical value = value * factor + offset, exactly."""

    factor: Fraction
    offset: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measure. catalogue.toml says what each field is; `low`, `high`, `step`, `rate` are in `unit`."""

    key: str
    code: str  # as a series carries it: LOINC, "mdc:..." or "egide:..."
    certainty: Certainty
    mdc: int | None  # ISO/IEEE 11073-10101
    mdc_name: str | None
    unit: str
    units: Mapping[str, Conversion]  # every accepted unit, the canonical one included
    low: Decimal
    high: Decimal
    step: Decimal | None
    rate: Decimal | None  # per minute
    flat_s: int | None
    cadence_s: Decimal
    kind: Kind
    category: str | None  # of a FHIR Observation
    fr: str
    en: str
    sources: tuple[str, ...]  # keys of SOURCES
    objects: tuple[str, ...]
    members: tuple[str, ...]  # of a panel: codes
    states: Mapping[int, tuple[str, str]]  # of a status: value -> (French, English)

    @property
    def system(self) -> Literal["loinc", "mdc", "egide"]:
        """The code system that `code` belongs to."""
        if self.code.startswith("mdc:"):
            return "mdc"
        return "egide" if self.code.startswith("egide:") else "loinc"

    @property
    def loinc(self) -> str | None:
        """The LOINC code, or None where no LOINC code was found that says this."""
        return self.code if self.system == "loinc" else None


def metric(code: str) -> Metric:
    """The metric that `code` names.

    Raises:
        NotFoundError: no such metric (flag the reading, do not refuse it).
    """
    try:
        return CATALOGUE[code]
    except KeyError as err:
        raise NotFoundError("this code is not in the metric catalogue") from err


def names(code: str, lang: Lang) -> str:
    """What people read: the metric's name in French or English; the code itself when it is unknown."""
    found = CATALOGUE.get(code)
    if found is None:
        return code
    return found.fr if lang == "fr" else found.en


def convert(value: Decimal, unit: str, to_unit: str, metric: Metric) -> Decimal:
    """Convert between two units of `metric`.

    Exact when the result has a decimal form of at most 28 digits, else rounded to 28 significant digits.

    Raises:
        NotFoundError: `metric` accepts no such unit.
    """
    if unit == to_unit and unit in metric.units:
        return value
    try:
        source, target = metric.units[unit], metric.units[to_unit]
    except KeyError as err:
        raise NotFoundError("the metric has no such unit") from err
    exact = (Fraction(value) * source.factor + source.offset - target.offset) / target.factor
    return _CONTEXT.divide(Decimal(exact.numerator), Decimal(exact.denominator))


class _Catalogue(Mapping[str, Metric]):
    """The metrics by code; catalogue.toml is read at first use."""

    __slots__ = ()

    def __getitem__(self, code: str) -> Metric:
        return _load()[0][code]

    def __iter__(self) -> Iterator[str]:
        return iter(_load()[0])

    def __len__(self) -> int:
        return len(_load()[0])


class _Sources(Mapping[str, str]):
    """Where codes were checked: what each key of `Metric.sources` stands for."""

    __slots__ = ()

    def __getitem__(self, key: str) -> str:
        return _load()[1][key]

    def __iter__(self) -> Iterator[str]:
        return iter(_load()[1])

    def __len__(self) -> int:
        return len(_load()[1])


CATALOGUE: Final[Mapping[str, Metric]] = _Catalogue()
SOURCES: Final[Mapping[str, str]] = _Sources()


@cache
def _load() -> tuple[Mapping[str, Metric], Mapping[str, str]]:
    return parse(files("egide.measure").joinpath("catalogue.toml").read_text("utf-8"))


def parse(text: str) -> tuple[Mapping[str, Metric], Mapping[str, str]]:
    """Read a catalogue: (metrics by code, sources).

    Raises:
        ConfigError: not a catalogue, or one that contradicts itself.
    """
    try:
        table = tomllib.loads(text)
        sources: dict[str, str] = table["source"]
        metrics = [_metric(key, entry) for key, entry in table["metric"].items()]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as err:
        raise ConfigError("the metric catalogue cannot be read") from err
    by_code = {m.code: m for m in metrics}
    if len(by_code) != len(metrics):
        raise ConfigError("two metrics share a code")
    for m in metrics:
        if not by_code.keys() >= set(m.members) or not sources.keys() >= set(m.sources):
            raise ConfigError(f"the metric {m.key} names a member or a source that is not there")
    return MappingProxyType(by_code), MappingProxyType(sources)


def _metric(key: str, entry: dict[str, Any]) -> Metric:
    mdc, mdc_name = entry.get("mdc", (None, None))
    low, high = map(Decimal, entry["range"])
    units = {entry["unit"]: Conversion(Fraction(1), Fraction(0))}
    units |= {unit: _conversion(text) for unit, text in entry.get("units", {}).items()}
    code: str = entry["code"]
    if low > high or not 0 < len(code) <= 32 or not code.isascii() or not code.isprintable():
        raise ValueError(key)
    return Metric(
        key=key,
        code=code,
        certainty=cast(Certainty, entry["certainty"]),
        mdc=mdc,
        mdc_name=mdc_name,
        unit=entry["unit"],
        units=MappingProxyType(units),
        low=low,
        high=high,
        step=_decimal(entry.get("step")),
        rate=_decimal(entry.get("rate")),
        flat_s=entry.get("flat_s"),
        cadence_s=Decimal(entry["cadence_s"]),
        kind=cast(Kind, entry["kind"]),
        category=entry.get("category"),
        fr=entry["fr"],
        en=entry["en"],
        sources=tuple(entry["sources"]),
        objects=tuple(entry["objects"]),
        members=tuple(entry.get("members", ())),
        states=MappingProxyType({int(k): (fr, en) for k, (fr, en) in entry.get("states", {}).items()}),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _conversion(text: str) -> Conversion:
    """Read "factor" or "factor offset"; each is a decimal or a ratio of two."""
    factor, _, offset = text.partition(" ")
    return Conversion(_ratio(factor), _ratio(offset or "0"))


def _ratio(text: str) -> Fraction:
    above, _, below = text.partition("/")
    return Fraction(above) / Fraction(below or "1")
