"""Alice's days: what a patient's objects send, with everything that a page must show well.

Deterministic but for keys. Glucose follows meals and has gaps and doubtful values; the rest is plain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from egide.cloud.people.models import Account
from egide.measure.readings import Series
from tests.support.ward import DAY_MS, HOUR_MS, Thing, Ward, spot

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Alice is followed by Dr Bob; Charlie is a patient nobody follows; Diane follows nobody."""

    ward: Ward
    alice: Account
    bob: Account
    charlie: Account
    diane: Account
    sensor: Thing
    cuff: Thing
    watch: Thing
    scale: Thing


def start_of(now_ms: int) -> int:
    """When the ward opens, so that ninety days lie behind `now_ms`."""
    return now_ms - 89 * DAY_MS


def play(ward: Ward, now_ms: int, *, days: int = 14) -> Cast:
    """People, objects, and their last `days`."""
    alice = ward.patient("Alice Moreau")
    cast = Cast(
        ward=ward,
        alice=alice,
        bob=ward.professional("Dr Bob Durand", alice),
        charlie=ward.patient("Charlie Petit"),
        diane=ward.professional("Diane Roux"),
        sensor=ward.thing("Glucosense 2", alice),
        cuff=ward.thing("Tensio Bras", alice, trust=3),
        watch=ward.thing("Montre Pouls", alice, trust=5),
        scale=ward.thing("Balance Claire", alice, trust=4),
    )
    _glucose(cast.sensor, now_ms, days)
    _pressure(cast.cuff, now_ms, days)
    _heart(cast.watch, now_ms)
    _weight(cast.scale, now_ms, days)
    return cast


def _glucose(sensor: Thing, now_ms: int, days: int) -> None:
    """Envelopes of twelve values, five minutes apart; the sensor is away one hour in seven."""
    for hour in range(days * 24, 0, -1):
        if hour % 41 in (7, 8, 9):
            continue
        t0 = now_ms - hour * HOUR_MS + 2 * MINUTE_MS
        values = [_sugar(t0 + i * 5 * MINUTE_MS) for i in range(12)]
        if hour % 50 == 3:
            values[5] = 780  # no body does that
        sensor.send(
            Series(code="99504-3", unit="mg/dL", times=300_000_000, exponent=0, values=tuple(values)),
            t0_ms=t0,
        )


def _sugar(at_ms: int) -> int:
    day = at_ms / DAY_MS * 2 * math.pi
    meals = 45 * max(0.0, math.sin(3 * day)) ** 2 + 20 * math.sin(day + 1)
    return round(118 + meals + 22 * math.sin(day / 3.7) + 9 * math.sin(day * 17.3))


def _pressure(cuff: Thing, now_ms: int, days: int) -> None:
    for half in range(days * 2, 0, -1):
        t0 = now_ms - half * DAY_MS // 2 + 17 * MINUTE_MS
        high = 124 + half * 7 % 15 + (4 if half % 2 else 0)
        cuff.send(
            spot("8480-6", "mm[Hg]", str(high)),
            spot("8462-4", "mm[Hg]", str(76 + half * 5 % 9)),
            spot("8867-4", "/min", str(62 + half * 3 % 12)),
            t0_ms=t0,
        )


def _heart(watch: Thing, now_ms: int) -> None:
    for minute in range(180, 0, -10):
        t0 = now_ms - minute * MINUTE_MS
        values = tuple(
            round(68 + 9 * math.sin((minute + i) / 11) + 3 * math.sin((minute + i) * 1.7)) for i in range(10)
        )
        watch.send(Series(code="8867-4", unit="/min", times=60_000_000, exponent=0, values=values), t0_ms=t0)
    watch.send(spot("mdc:67996", "%", "82"), t0_ms=now_ms - 5 * MINUTE_MS)
    watch.send(ecg_strip(), t0_ms=now_ms - 40 * MINUTE_MS)


def ecg_strip(seconds: int = 12) -> Series:
    """Lead I at 250 values a second, in hundredths of a millivolt."""
    return Series(
        code="mdc:131329",
        unit="mV",
        times=4_000,
        exponent=-2,
        values=tuple(_beat(i / 250) for i in range(seconds * 250)),
    )


def _beat(at_s: float) -> int:
    phase = at_s % 0.86
    waves = (
        (0.16, 0.022, 14),
        (0.245, 0.008, -12),
        (0.265, 0.011, 118),
        (0.29, 0.009, -24),
        (0.46, 0.04, 30),
    )
    return round(
        sum(height * math.exp(-(((phase - centre) / width) ** 2)) for centre, width, height in waves)
    )


def _weight(scale: Thing, now_ms: int, days: int) -> None:
    for day in range(min(88, 6 * days), 0, -3):
        grams = 71_400 + day * 11 + day * 7919 % 400
        scale.send(
            spot("29463-7", "kg", f"{grams // 1000}.{grams % 1000 // 100}"),
            t0_ms=now_ms - day * DAY_MS + 7 * HOUR_MS,
        )
    scale.send(spot("8310-5", "Cel", "36.50"), t0_ms=now_ms - 50 * MINUTE_MS)
