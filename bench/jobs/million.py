"""Fill a store, and compare intake with what it was when the store was empty; then proofs and sizes."""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.presign import READINGS
from bench.raw import verification_rate
from bench.ward import make_ward, open_platform

PROOFS = 500


def main(*, objects: int, rounds: int, each: int, compared: int) -> None:
    """`rounds` times `each` envelopes of every object; the first and last `compared` rounds are compared."""
    now_ms = time.time_ns() // 1_000_000
    open_platform(now_ms=now_ms)
    from bench.egide_adapter import Intake, hours

    ward = make_ward(objects, now_ms=now_ms)
    empty_bytes = _stored_bytes()
    intake = Intake()
    rates, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        for messages in hours(Path(folder), ward.signings, rounds=rounds, each=each, now_ms=now_ms):
            before = verification_rate()
            rates.append(len(messages) / intake.feed(messages))
            ratios.append(rates[-1] / ((before + verification_rate()) / 2))
    first, last = slice(1, 1 + compared), slice(-compared, None)
    envelopes = rounds * each * objects
    proofs = _proof_times()
    print(
        json.dumps(
            {
                "envelopes": envelopes,
                "first": statistics.median(rates[first]),
                "last": statistics.median(rates[last]),
                "kept": statistics.median(ratios[last]) / statistics.median(ratios[first]),
                "proof_p50_ms": statistics.median(proofs),
                "proof_p99_ms": statistics.quantiles(proofs, n=100)[98],
                "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "bytes_per_reading": (_stored_bytes() - empty_bytes) / envelopes / READINGS,
            }
        )
    )


def _proof_times() -> list[float]:
    """Milliseconds to compute an inclusion path from the tables, for entries chosen at random."""
    from egide.cloud.register.store import current_log, head_of, path_of

    log = current_log().id
    chance = random.Random(1)
    times = []
    for _ in range(PROOFS):
        start = time.perf_counter()
        size = head_of(log).size
        path_of(log, chance.randrange(size), size)
        times.append((time.perf_counter() - start) * 1000)
    return times


def _stored_bytes() -> int:
    """Everything that is kept: tables, indexes, tiles."""
    from django.conf import settings
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(f.stat().st_size for f in settings.OPTIONS.data.rglob("*") if f.is_file())


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
