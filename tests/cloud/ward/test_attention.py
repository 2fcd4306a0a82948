"""Who stands first, and why: the pure rules of the list."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.ward.attention import LEVELS, Heard, Reason, Seen, reasons, rhythm_ms, silent, sort_key
from tests.cloud.conftest import NOW

HOUR = 3_600_000
HOURLY = Heard(
    object_id="o-1",
    model="Sensor",
    paired_ms=NOW - 400 * HOUR,
    heard_ms=NOW - HOUR,
    measured_ms=tuple(NOW - n * HOUR for n in range(1, 20)),
)


def test_an_object_is_silent_after_three_of_its_own_intervals() -> None:
    """Not before: each object has its own rhythm."""
    assert rhythm_ms(HOURLY.measured_ms) == HOUR
    assert not silent(replace(HOURLY, heard_ms=NOW - 3 * HOUR), now_ms=NOW)
    assert silent(replace(HOURLY, heard_ms=NOW - 3 * HOUR - 1), now_ms=NOW)


def test_an_object_whose_rhythm_is_unknown_is_given_a_week() -> None:
    """Three instants tell no rhythm; a new object counts from its pairing."""
    few = replace(HOURLY, measured_ms=(NOW - 8 * 24 * HOUR,), heard_ms=NOW - 6 * 24 * HOUR)
    assert not silent(few, now_ms=NOW)
    assert silent(replace(few, heard_ms=NOW - 7 * 24 * HOUR - 1), now_ms=NOW)
    assert silent(replace(few, heard_ms=None, measured_ms=()), now_ms=NOW)
    assert not silent(replace(few, heard_ms=None, measured_ms=(), paired_ms=NOW - HOUR), now_ms=NOW)


def test_a_silence_names_what_may_explain_it() -> None:
    """A lapsed certificate, a low battery of that very object, and always: out of reach."""
    quiet = replace(HOURLY, heard_ms=NOW - 9 * HOUR, certificate_until_ms=NOW - 1)
    seen = Seen(values=1, batteries=(("o-1", 7), ("o-2", 3)))
    (reason,) = reasons([quiet], seen, now_ms=NOW)
    assert (reason.code, reason.because) == ("silent", ("certificate", "battery", "reach"))
    (reason,) = reasons([quiet], Seen(batteries=(("o-1", 80), ("o-2", 3))), now_ms=NOW)
    assert reason.because == ("certificate", "reach")


def test_a_pause_silences_silence_and_nothing_else() -> None:
    """A patient in hospital sends nothing; what does come and is doubtful is still told."""
    quiet = replace(HOURLY, heard_ms=NOW - 9 * HOUR)
    codes = [r.code for r in reasons([quiet], Seen(doubts=(("range", 2),)), paused=True, now_ms=NOW)]
    assert codes == ["doubtful", "paused"]


def test_nothing_is_said_of_who_needs_nothing() -> None:
    """No reason at all, rather than a reassuring one."""
    assert reasons([HOURLY], Seen(values=12, last_ms=NOW), now_ms=NOW) == ()


@given(st.lists(st.sampled_from(LEVELS), max_size=3), st.lists(st.sampled_from(LEVELS), max_size=3))
def test_the_most_pressing_reason_decides_the_order(first: list[str], second: list[str]) -> None:
    """Whoever has a more pressing first reason stands above; who has none stands last."""

    def key(codes: list[str]) -> tuple[int, int, int, str]:
        found = tuple(Reason(code=c, count=1) for c in sorted(codes, key=LEVELS.index))
        return sort_key(found, NOW, "x")

    best = [min((LEVELS.index(c) for c in codes), default=len(LEVELS)) for codes in (first, second)]
    if best[0] < best[1]:
        assert key(first) < key(second)


@pytest.mark.parametrize("code", LEVELS)
def test_every_level_has_its_words(code: str) -> None:
    """A reason without words would be a blank line."""
    from egide.cloud.ward.words import reason_mark, reason_words

    assert reason_mark(Reason(code=code)).word
    assert reason_words(Reason(code=code, count=2, since_ms=NOW, model="Sensor"), now_ms=NOW)
