"""One caller cannot take everybody's share."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.fleet import rate
from egide.cloud.fleet.rate import RateLimiter, TooFastError


def test_a_caller_has_its_own_share() -> None:
    """After a minute's worth at once, one waits; the others do not."""
    limiter = RateLimiter(60)
    for _ in range(60):
        limiter.take("a", now_s=0)
    with pytest.raises(TooFastError) as refused:
        limiter.take("a", now_s=0)
    assert refused.value.retry_s == 2
    assert refused.value.retryable
    limiter.take("b", now_s=0)
    limiter.take("a", now_s=refused.value.retry_s)


@given(st.lists(st.floats(0, 30), max_size=300))
def test_no_pattern_gets_more_than_the_rate(gaps: list[float]) -> None:
    """In any window, at most what was saved and what the time gives."""
    limiter, now, taken = RateLimiter(30), 0.0, 0
    for gap in gaps:
        now += gap
        with suppress(TooFastError):
            limiter.take("a", now_s=now)
            taken += 1
    assert taken <= 30 + now / 2 + 1e-6


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million callers cost what twenty thousand do: the one silent longest is forgotten."""
    monkeypatch.setattr(rate, "_MAX_CALLERS", 3)
    limiter = RateLimiter(1)
    for caller in "abcd":
        limiter.take(caller, now_s=0)
    assert list(limiter._buckets) == ["b", "c", "d"]
    limiter.take("a", now_s=0)
    with pytest.raises(TooFastError):
        limiter.take("d", now_s=0)
