"""Very many values are drawn and listed as few are: the same picture, the same ranges, the same lines."""

from __future__ import annotations

import re
from contextvars import ContextVar

import pytest

from egide.cloud.comfort import wishes
from egide.cloud.comfort.wishes import Wishes
from egide.cloud.portal import many
from egide.cloud.portal.many import many_of
from egide.cloud.portal.periods import PERIODS, period_named
from egide.cloud.portal.picture import picture_of, picture_of_many, profile_of, profile_of_many
from egide.cloud.portal.record import readings_of, rows_of
from egide.cloud.release.door import Column
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast

HOUR_MS = 3_600_000
YEAR = 365 * 24


def column(n: int, **changes: object) -> Column:
    """An hour of glucose, `n` hours ago."""
    at = NOW - n * HOUR_MS
    said: dict[str, object] = {
        "entry": 10_000 - n, "position": 0, "code": "99504-3", "unit": "mg/dL", "exponent": 0,
        "times_ms": tuple(at + 300_000 * i for i in range(12)), "correction_ms": 0,
        "values": tuple(70 + (n * 7 + i * 3) % 190 for i in range(12)), "trust": 4, "flags": frozenset(),
        "object_id": "", "pairing_id": "", "received_ms": at,
    }  # fmt: skip
    return Column(**{**said, **changes})  # type: ignore[arg-type]


def year() -> list[Column]:
    """Some of each day, a doubtful value, a contested envelope, an hour told in another unit, a silent fortnight."""
    columns = [column(n) for n in range(1, YEAR, 7) if not 2_000 < n < 2_336]
    columns[5] = column(36, doubts={3: "range"})
    columns[9] = column(64, flags=frozenset({"contested"}))
    columns[20] = column(141, unit="mmol/L", exponent=-1, values=tuple(range(50, 62)))
    return columns


@pytest.mark.parametrize("unit", ["", "mmol/L"], ids=["as-signed", "mmol"])
def test_very_many_values_make_the_picture_that_their_readings_make(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Curve, spread, gaps, doubtful points, time in range, a usual day and every line; in the unit of one's wish."""
    monkeypatch.setattr(many, "MANY", 1_000)
    monkeypatch.setattr(wishes, "_ask", ContextVar("asked", default=lambda: Wishes(glucose=unit)))
    period = period_named("1y")
    assert period is not None
    found, readings = many_of(year()), readings_of(year())
    assert found is not None
    drawn, wanted = picture_of_many(found, period, now_ms=NOW), picture_of(readings, period, now_ms=NOW)
    assert drawn is not None
    assert wanted is not None
    assert (drawn.line, drawn.ranges, drawn.y_ticks, drawn.x_ticks, drawn.unit) == (
        wanted.line, wanted.ranges, wanted.y_ticks, wanted.x_ticks, wanted.unit,
    )  # fmt: skip
    assert profile_of_many(found, period) == profile_of(readings, period)
    assert list(found.lines) == rows_of(readings)[::-1]
    assert found.lines[-1] == rows_of(readings)[0]


def test_few_values_and_blood_pressure_are_read_one_by_one() -> None:
    """Their page has points that one can touch."""
    assert many_of([column(n) for n in range(1, 100)]) is None
    assert many_of([column(n, code="8480-6", unit="mm[Hg]") for n in range(1, 4_000)]) is None
    assert many_of([]) is None


def test_a_year_is_a_period_that_one_may_look_at(cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn by the server, listed page by page; the script leaves the drawing as it is."""
    monkeypatch.setattr(many, "MANY", 10)
    assert PERIODS[-1].key == "1y"
    page = enter(cast.alice).get("/me?period=1y&metric=8867-4").content.decode()
    assert 'data-chart="many"' in page
    assert re.search(r'class="curve" d="M', page)
    assert len(re.findall(r'<th scope="row"', page)) == 15
