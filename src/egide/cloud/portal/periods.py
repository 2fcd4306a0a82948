"""The periods a person may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

__all__ = ["PERIODS", "Period", "period_named", "smallest_reaching"]

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A length of time that ends now."""

    key: str
    hours: int
    title: str  # a msgid

    @property
    def span_ms(self) -> int:
        return self.hours * HOUR_MS

    @property
    def words(self) -> str:
        return _(self.title)


PERIODS: Final = (
    Period(key="1h", hours=1, title=gettext_noop("1 hour")),
    Period(key="3h", hours=3, title=gettext_noop("3 hours")),
    Period(key="24h", hours=24, title=gettext_noop("24 hours")),
    Period(key="7d", hours=7 * 24, title=gettext_noop("7 days")),
    Period(key="30d", hours=30 * 24, title=gettext_noop("30 days")),
    Period(key="90d", hours=90 * 24, title=gettext_noop("90 days")),
    Period(key="1y", hours=365 * 24, title=gettext_noop("1 year")),
)


def period_named(key: str) -> Period | None:
    return next((period for period in PERIODS if period.key == key), None)


def smallest_reaching(at_ms: int | None, now_ms: int) -> Period:
    """The shortest period, of a day or more, that still shows something measured at `at_ms`."""
    usual = [period for period in PERIODS if period.hours >= 24]
    if at_ms is not None:
        for period in usual:
            if now_ms - period.span_ms <= at_ms:
                return period
        return usual[-1]
    return usual[0]
