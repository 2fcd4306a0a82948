"""What time it is for an object."""

from __future__ import annotations

import pytest

from egide.errors import UnavailableError
from egide.things.clock import GOOD_FOR_MS, ObjectClock
from tests.things.simulated import NOW


class Machine:
    """A machine whose two clocks a test moves."""

    def __init__(self, wall: int = 0) -> None:
        self.wall, self.running = wall, 5_000

    def clock(self) -> ObjectClock:
        return ObjectClock(wall_ms=lambda: self.wall, running_ms=lambda: self.running, boot=b"bootboot")


def test_a_dead_clock_is_said_and_never_negative() -> None:
    """Before a signed time, the wall clock is all there is, and the envelope says so."""
    machine = Machine(wall=-5)
    clock = machine.clock()
    assert (clock.now_ms(), clock.synchronised, clock.story().synchronised) == (0, False, False)


def test_a_signed_time_is_kept_to_half_of_the_round_trip() -> None:
    """The answer was signed in the middle of the exchange, as far as one knows."""
    machine = Machine()
    clock = machine.clock()
    clock.set(NOW, asked_ms=0, answered_ms=400)
    machine.running += 400
    assert clock.now_ms() == NOW + 200
    assert clock.synchronised


def test_a_jump_of_the_wall_clock_changes_nothing() -> None:
    """After a signed time, only the time since the start counts."""
    machine = Machine(wall=NOW)
    clock = machine.clock()
    clock.set(NOW, asked_ms=0, answered_ms=0)
    machine.wall += 365 * 86_400_000
    machine.running += 1_000
    assert clock.now_ms() == NOW + 1_000
    assert clock.story().since_boot_ms == 1_000


@pytest.mark.parametrize(("asked", "answered"), [(0, 10_001), (5, 4)])
def test_a_time_that_came_too_late_is_not_taken(asked: int, answered: int) -> None:
    """An answer that was held back would set the clock wrong."""
    clock = Machine().clock()
    with pytest.raises(UnavailableError):
        clock.set(NOW, asked_ms=asked, answered_ms=answered)
    assert not clock.synchronised


def test_a_time_grows_old() -> None:
    """After a week without another, the object no longer says that its clock is set."""
    machine = Machine()
    clock = machine.clock()
    clock.set(NOW, asked_ms=0, answered_ms=0)
    machine.running += GOOD_FOR_MS
    assert clock.synchronised
    machine.running += 1
    assert not clock.synchronised


def test_each_start_is_another_boot() -> None:
    """Eight random bytes."""
    assert ObjectClock().story().boot != ObjectClock().story().boot
