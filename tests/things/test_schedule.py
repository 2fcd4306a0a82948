"""When an object sends again, and when it renews."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from egide.things.schedule import RETRY, Retry, renewal_at


class Fixed:
    """Chance that always says the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


chances = st.floats(0, 1, exclude_max=True)
retries = st.builds(
    lambda first, more: Retry(first_ms=first, ceiling_ms=first * 2 + more),
    st.integers(1, 10**6), st.integers(0, 10**8),
)  # fmt: skip


@given(retries, st.integers(1, 10_000), chances)
def test_a_wait_is_between_the_first_and_the_ceiling(retry: Retry, attempts: int, chance: float) -> None:
    """30 s at least, an hour at most, whatever the number of attempts."""
    assert retry.first_ms <= retry.delay_ms(attempts, Fixed(chance)) <= retry.ceiling_ms


@given(retries, st.integers(1, 100), chances)
def test_waits_never_get_shorter_for_the_same_chance(retry: Retry, attempts: int, chance: float) -> None:
    """A longer silence is never followed by a shorter wait."""
    assert retry.delay_ms(attempts, Fixed(chance)) <= retry.delay_ms(attempts + 1, Fixed(chance))


def test_the_first_waits_double_up_to_the_ceiling() -> None:
    """30 s, a minute, two... and an hour at most; the jitter is as wide as the wait."""
    assert [RETRY.delay_ms(n, Fixed(0)) for n in (1, 2, 3, 4)] == [30_000, 60_000, 120_000, 240_000]
    assert RETRY.delay_ms(1, Fixed(0.999)) > 59_900
    assert RETRY.delay_ms(50, Fixed(0.999)) <= 3_600_000


def test_objects_that_failed_together_do_not_come_back_together(seed: int) -> None:
    """A thousand objects spread over the whole width of the wait: no tenth of it holds a third of them."""
    chance = Random(seed)
    tenths = [0] * 10
    for _ in range(1000):
        tenths[min(9, (RETRY.delay_ms(3, chance) - 120_000) // 12_000)] += 1
    assert max(tenths) < 333


@given(st.integers(0, 10**13), st.integers(6, 10**12), chances)
def test_renewal_starts_between_two_thirds_and_five_sixths_of_the_life(
    start: int, life: int, chance: float
) -> None:
    """Early enough for many tries, at an instant that differs from object to object."""
    at = renewal_at(start, start + life, Fixed(chance)) - start
    assert life * 4 // 6 <= at <= life * 5 // 6 + 1
