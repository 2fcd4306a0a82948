"""FHIR Observations as rows: one a value, with its unit, its trust level and what is to be checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from egide.errors import ConfigError, MalformedError

if TYPE_CHECKING:
    import pandas
    import polars

__all__ = ["Reading", "Readings", "rows_of"]

#: The code systems of Egide's own tags (docs/spec/fhir.md).
TRUST: Final = "urn:oid:2.25.100417601852554718846897822393395343191"
QUALITY: Final = "urn:oid:2.25.16436662399725520748313242840951098597"
_ABSENT_SAMPLES: Final = {"E": "error", "U": "above-range", "L": "below-range"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value.

    `value` is exact and in `unit` (UCUM); None where there is none, and `absent` says why (a code of FHIR's
    data-absent-reason), or where `text` says it (a state). `at` is UTC, by the object's corrected clock. `trust` is 1
    (entered by hand) to 5 (signed by secure hardware), None where the server gives none.
    """

    patient: str
    observation: str
    at: datetime
    code: str
    name: str
    value: Decimal | None
    unit: str
    text: str
    absent: str
    status: str
    trust: int | None
    quality: tuple[str, ...]
    device: str


class Readings(Sequence[Reading]):
    """Readings in the order of time, as rows or as a frame."""

    def __init__(self, rows: Iterable[Reading]) -> None:
        self._rows = sorted(rows, key=lambda r: (r.at, r.code, r.observation))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: Any) -> Any:
        return self._rows[at]

    def columns(self) -> dict[str, list[Any]]:
        """One list a field; values as floats, so that frames can compute: `Reading.value` is the exact one."""
        found: dict[str, list[Any]] = {f.name: [getattr(r, f.name) for r in self._rows] for f in fields(Reading)}
        found["value"] = [None if v is None else float(v) for v in found["value"]]
        found["quality"] = [list(marks) for marks in found["quality"]]
        return found

    def to_polars(self) -> polars.DataFrame:
        """A polars frame, the same columns and types whatever is in it. Raises ConfigError when polars is missing."""
        try:
            import polars as pl
        except ImportError as err:
            raise ConfigError("polars is not installed: pip install 'egide[client]'") from err
        schema: dict[str, Any] = dict.fromkeys((f.name for f in fields(Reading)), pl.String)
        schema |= {
            "at": pl.Datetime("ms", "UTC"), "value": pl.Float64, "trust": pl.Int8, "quality": pl.List(pl.String),
        }  # fmt: skip
        return pl.DataFrame(self.columns(), schema=schema)

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas frame, the same columns and types whatever is in it. Raises ConfigError when pandas is missing."""
        try:
            import pandas as pd
        except ImportError as err:
            raise ConfigError("pandas is not installed: pip install pandas") from err
        frame = pd.DataFrame(self.columns(), columns=[f.name for f in fields(Reading)])
        frame["at"] = pd.to_datetime(frame["at"], utc=True)
        return frame.astype({"value": "float64", "trust": "Int8"})


def rows_of(observation: Mapping[str, Any]) -> Iterator[Reading]:
    """The values of one Observation, whose decimals were read exactly: one, one a component, or one a sample.

    Raises MalformedError for what is no Observation as R4 gives it.
    """
    try:
        yield from _rows(observation)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, InvalidOperation) as err:
        raise MalformedError("the server sent an Observation of another form") from err


def _rows(observation: Mapping[str, Any]) -> Iterator[Reading]:
    if observation["resourceType"] != "Observation":
        raise ValueError("not an Observation")
    sampled = observation.get("valueSampledData")
    if sampled is not None:
        start = _when(observation["effectivePeriod"]["start"])
        for n, (value, absent) in enumerate(_samples(sampled)):
            at = start + timedelta(milliseconds=float(sampled["period"]) * n)
            yield _row(observation, observation, at=at, value=value, unit=_unit(sampled["origin"]), absent=absent)
        return
    at = _when(observation.get("effectiveDateTime") or observation["effectivePeriod"]["start"])
    for part in observation.get("component") or [observation]:
        quantity = part.get("valueQuantity") or {}
        value = Decimal(quantity["value"]) if "value" in quantity else None
        yield _row(observation, part, at=at, value=value, unit=_unit(quantity), absent=_absent(part))


def _row(
    whole: Mapping[str, Any], part: Mapping[str, Any], *, at: datetime, value: Decimal | None, unit: str, absent: str
) -> Reading:
    code, tags = part["code"]["coding"][0], whole.get("meta", {}).get("tag", [])
    trust = [int(tag["code"]) for tag in tags if tag.get("system") == TRUST]
    return Reading(
        patient=whole["subject"]["reference"].removeprefix("Patient/"),
        observation=whole["id"],
        at=at,
        code=code["code"],
        name=part["code"].get("text") or code.get("display", ""),
        value=value,
        unit=unit,
        text=_text(part),
        absent=absent,
        status=whole["status"],
        trust=trust[0] if trust else None,
        quality=tuple(tag["code"] for tag in tags if tag.get("system") == QUALITY),
        device=whole.get("device", {}).get("reference", "").removeprefix("Device/"),
    )


def _samples(sampled: Mapping[str, Any]) -> Iterator[tuple[Decimal | None, str]]:
    origin, factor = Decimal(sampled["origin"].get("value", 0)), Decimal(sampled.get("factor", 1))
    for word in sampled.get("data", "").split():
        if word in _ABSENT_SAMPLES:
            yield None, _ABSENT_SAMPLES[word]
        else:
            yield origin + Decimal(word) * factor, ""


def _text(part: Mapping[str, Any]) -> str:
    concept = part.get("valueCodeableConcept") or {}
    shown = concept.get("text") or next((c.get("display", "") for c in concept.get("coding", [])), "")
    return str(shown or part.get("valueString", ""))


def _absent(part: Mapping[str, Any]) -> str:
    concept = part.get("dataAbsentReason") or {}
    return next((str(c["code"]) for c in concept.get("coding", [])), "")


def _unit(quantity: Mapping[str, Any]) -> str:
    return str(quantity.get("code") or quantity.get("unit") or "")


def _when(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant without its zone")
    return found.astimezone(UTC)
