"""One axis has one unit."""

from __future__ import annotations

from decimal import Decimal

from egide.cloud.portal.metrics import PRESSURE, describe
from egide.cloud.portal.periods import period_named
from egide.cloud.portal.picture import pairs_in, picture_of
from egide.cloud.portal.record import Reading
from tests.cloud.conftest import NOW

HOUR_MS = 3_600_000


def pressure(hours_ago: int, unit: str, high: str, low: str) -> list[Reading]:
    """What a cuff that speaks `unit` measured."""
    return [
        Reading(
            entry=100 - hours_ago, position=n, index=0, metric=describe(code), unit=unit, value=Decimal(text),
            at_ms=NOW - hours_ago * HOUR_MS, correction_ms=0, received_ms=NOW, trust=4, flags=frozenset(), doubt=None,
            object_id="",
        )
        for n, (code, text) in enumerate(zip(PRESSURE[:2], (high, low), strict=True))
    ]  # fmt: skip


def test_two_cuffs_that_speak_other_units_are_drawn_in_one() -> None:
    """The same pressure in kPa and in mmHg is at the same height, whichever came last."""
    kpa, mmhg = pressure(9, "kPa", "16.0", "10.7"), pressure(2, "mm[Hg]", "120.0", "80.3")
    for readings, unit, high in ((kpa + mmhg, "mm[Hg]", 120.0), (mmhg + kpa, "kPa", 16.0)):
        pairs = pairs_in(readings, unit)
        assert len(pairs) == 2
        assert all(abs(pair.systolic - high) < high / 1000 for pair in pairs)
        assert all(abs(pair.diastolic - high * 80.3 / 120) < high / 1000 for pair in pairs)
    period = period_named("24h")
    assert period is not None
    picture = picture_of(kpa + mmhg, period, now_ms=NOW)
    assert picture is not None
    assert len(picture.y_ticks) > 0
    assert picture.unit == "mmHg"


def test_a_pressure_that_cannot_be_told_in_the_unit_is_left_out() -> None:
    """Rather than drawn at a wrong height."""
    assert pairs_in(pressure(3, "furlong", "1", "1") + pressure(1, "mm[Hg]", "120", "80"), "mm[Hg]")[0].systolic == 120
    assert len(pairs_in(pressure(3, "furlong", "1", "1"), "mm[Hg]")) == 0
