"""Intake's rate and the raw rate of Ed25519, in turns, so that both see the same machine."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.raw import verification_rate
from bench.ward import make_ward, open_platform


def main(*, objects: int, rounds: int, each: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    open_platform(now_ms=now_ms)
    from bench.egide_adapter import Intake, hours

    ward = make_ward(objects, now_ms=now_ms)
    intake = Intake()
    rates, raws, ratios = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for messages in hours(Path(folder), ward.signings, rounds=rounds + 1, each=each, now_ms=now_ms):
            before = verification_rate()
            seconds = intake.feed(messages)
            raw = (before + verification_rate()) / 2
            rates.append(len(messages) / seconds)
            raws.append(raw)
            ratios.append(rates[-1] / raw)
    # The first round warms up: certificates are read, the patients' chains are opened.
    print(
        json.dumps(
            {
                "rate": statistics.median(rates[1:]),
                "raw": statistics.median(raws[1:]),
                "ratio": statistics.median(ratios[1:]),
                "worst": min(ratios[1:]),
                "best": max(ratios[1:]),
            }
        )
    )


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
