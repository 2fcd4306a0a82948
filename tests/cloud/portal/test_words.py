"""Numbers, times and marks, in the reader's language."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.portal import words
from egide.measure.plausibility import CODES
from tests.cloud.conftest import NOW

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("value", "fr", "en"),
    [
        (Decimal("36.50"), "36,50", "36.50"),
        (Decimal("-0.5"), "\u22120,5", "\u22120.5"),
        (Decimal("3E+3"), "3\u202f000", "3,000"),
        (1234567, "1\u202f234\u202f567", "1,234,567"),
        (Decimal("1E-7"), "0,0000001", "0.0000001"),
    ],
)
def test_a_number_keeps_its_digits(value: Decimal | int, fr: str, en: str) -> None:
    """Comma and thin spaces in French; never a rounding, never an exponent."""
    with translation.override("fr"):
        assert words.number(value) == fr
    with translation.override("en"):
        assert words.number(value) == en


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_number_can_be_read_back(value: Decimal) -> None:
    """Whatever is written means the very same decimal."""
    with translation.override("en"):
        shown = words.number(value)
    assert Decimal(shown.replace(",", "").replace("\u2212", "-")) == value


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (0, "à l’instant"),
        (59_999, "à l’instant"),
        (MINUTE, "il y a 1 minute"),
        (59 * MINUTE, "il y a 59 minutes"),
        (HOUR, "il y a 1 heure"),
        (22 * HOUR, "il y a 22 heures"),
        (23 * HOUR, "hier à 23:13"),
        (3 * DAY, "18 novembre 2026 à 22:13"),
        (-HOUR, "aujourd’hui à 23:13"),
    ],
)
def test_how_long_ago_is_said_plainly(since: int, said: str) -> None:
    """Relative within the day, dated beyond it; the future is dated too."""
    with translation.override("fr"):
        assert words.ago(NOW - since, NOW) == said


def test_trust_has_five_shapes_and_five_words() -> None:
    """No two levels look or sound alike."""
    marks = [words.trust_mark(level) for level in range(1, 6)]
    assert (
        len({m.shape for m in marks}) == len({m.word for m in marks}) == len({m.meaning for m in marks}) == 5
    )


@pytest.mark.parametrize("code", CODES)
def test_every_doubt_has_a_sentence(code: str) -> None:
    """A person is never shown a code instead of a reason."""
    assert words.doubt_words(code) != code


def test_quality_always_says_something() -> None:
    """A fine reading is said to be so; a doubtful one says its doubt first."""
    assert [m.shape for m in words.quality_marks(frozenset(), None)] == ["q-fine"]
    flags = frozenset({"late", "contested"})
    assert [m.shape for m in words.quality_marks(flags, "range")] == ["q-doubt", "q-contested", "q-late"]
