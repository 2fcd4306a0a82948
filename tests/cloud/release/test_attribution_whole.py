"""Attributing readings, killed anywhere and at random: every value is released once, or held, and nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from egide.cloud.fleet.models import Attribution
from egide.cloud.fleet.pairings import unpair
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.people.models import Account
from egide.cloud.release.attribution import (
    attribute_held,
    confirm,
    confirm_undo,
    propose,
    propose_undo,
    take_back,
)
from egide.cloud.vault.holding import held_of
from egide.cloud.vault.models import Envelope
from egide.errors import RefusedError
from tests.support.attributing import HOUR, Sent, damage, in_error, send, values
from tests.support.attributing import carol as carol
from tests.support.attributing import doctor as doctor
from tests.support.attributing import engineer as engineer
from tests.support.attributing import sent as sent
from tests.support.thing import NOW, Thing

# --------------------------------------------------------------------------------------------------------------- kills


class KilledError(Exception):
    """The process died here."""


def kill_at(wanted: str) -> Callable[[str], None]:
    def step(name: str) -> None:
        if name == wanted:
            raise KilledError(name)

    return step


STEPS = ("prepared", "decided", "moved", "said", "said-both", "told", "committed")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", STEPS)
@pytest.mark.parametrize("back", [False, True], ids=["forth", "back"])
def test_killed_at_any_step_all_is_moved_or_nothing(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account, where: str, back: bool
) -> None:
    """Either state is whole: every value released once, rows and statements agree; and it can be done again."""
    before = values(alice)
    row = propose(sent.meter.pairing, bob, since_ms=0, until_ms=None, reason="r", by=engineer, now_ms=NOW)
    act = confirm
    if back:
        confirm(row, by=doctor, now_ms=NOW)
        propose_undo(row, by=engineer, now_ms=NOW)
        act = confirm_undo
    with pytest.raises(KilledError):
        act(row, by=doctor, now_ms=NOW + 1, step=kill_at(where))
    done = where == "committed"
    assert sorted(values(alice) + values(bob)) == before
    assert bool(values(bob)) == (done != back)
    assert damage() == set()
    if not done:
        act(row, by=doctor, now_ms=NOW + 2)
    assert bool(values(bob)) is not back
    assert damage() == set()


def test_what_was_its_owners_all_along_is_marked_by_nobody(
    alice: Account, engineer: Account, doctor: Account, pipeline: Pipeline, meter: Thing
) -> None:
    """Held ones are said to be the wearer's own; what then comes from within the pairing is not said by anybody."""
    unpair(meter.pairing, NOW - 5 * HOUR)
    send(pipeline, meter, NOW - 4 * HOUR, received_ms=NOW)
    said = attribute_held(
        meter.pairing, since_ms=NOW - 9 * HOUR, until_ms=NOW, reason="r", by=engineer, now_ms=NOW + 1
    )
    within = send(pipeline, meter, NOW - 8 * HOUR, received_ms=NOW + 2)
    assert within in {entry for entry, _, _ in values(alice)}
    assert damage() == set()
    take_back(said, by=doctor, now_ms=NOW + 3)
    assert within in {entry for entry, _, _ in values(alice)}
    assert damage() == set()


# ------------------------------------------------------------------------------------------------------------ property


def test_whatever_is_said_every_value_is_released_once(
    alice: Account, bob: Account, carol: Account, engineer: Account, doctor: Account, pipeline: Pipeline,
    meter: Thing, seed: int,
) -> None:  # fmt: skip
    """Random moves, undoings, held ones and late arrivals: the total over all patients is what was not held."""
    chance = random.Random(seed)
    patients = (alice, bob, carol)
    thing, begin = meter, NOW - 20 * HOUR
    unpair(meter.pairing, NOW - 5 * HOUR)  # what comes from later is held
    live: list[Attribution] = []
    for turn in range(24):
        now = NOW + turn * 60_000
        hour = begin + chance.randrange(20) * HOUR
        act = chance.choice(("send", "send", "send", "move", "undo", "own"))
        try:
            if act == "send":
                send(pipeline, thing, hour + turn * 1_000, count=chance.choice((1, 3)), received_ms=now)
            elif act == "undo" and live:
                row = live.pop(chance.randrange(len(live)))
                if row.kind == "own":
                    take_back(row, by=doctor, now_ms=now)
                else:
                    propose_undo(row, by=doctor, now_ms=now)
                    confirm_undo(row, by=engineer, now_ms=now)
            elif act == "own":
                live.append(attribute_held(
                    thing.pairing, since_ms=hour, until_ms=hour + 4 * HOUR, reason="r", by=engineer, now_ms=now
                ))  # fmt: skip
            elif act == "move":
                row = propose(
                    thing.pairing, chance.choice(patients[1:]), since_ms=hour,
                    until_ms=hour + HOUR * chance.randrange(1, 9),
                    reason="r", by=engineer, now_ms=now,
                )  # fmt: skip
                confirm(row, by=doctor, now_ms=now)
                live.append(row)
        except RefusedError:
            pass  # something is said of that period already, or nothing is held there
        shown = [entry for patient in patients for entry in {e for e, _, _ in values(patient)}]
        held = sum(h.count + h.dismissed for h in held_of([thing.pairing]))
        assert len(shown) == len(set(shown))
        assert len(shown) + held == Envelope.objects.count()
        for patient in patients:
            assert not in_error(patient) & {e for e, _, _ in values(patient)}
    assert damage() == set()
