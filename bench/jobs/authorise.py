"""What deciding adds to a read: the rules, the policies and the statements behind them, once they were verified."""

from __future__ import annotations

import json
import statistics
import sys
import time

import django


def main(*, times: int) -> None:
    """One clinician asks for each of their patients in turn, `times` in all."""
    django.setup()
    from egide.cloud.consent.models import FollowUp
    from egide.cloud.people.models import Account
    from egide.cloud.release.door import Ask, why

    now_ms = time.time_ns() // 1_000_000
    reader = Account.objects.filter(role="professional").order_by("created_ms", "pk")[0]
    follows = FollowUp.objects.filter(professional=reader).select_related("patient")
    asks = [
        Ask(reader=reader, patient=row.patient, since_ms=0, until_ms=now_ms, purpose="TREAT", channel="bench")
        for row in follows
    ]
    for ask in asks:
        if not why(ask, now_ms=now_ms).allowed:
            raise RuntimeError("a clinician may not see a patient of theirs")
    taken = []
    for n in range(times):
        begin = time.perf_counter()
        why(asks[n % len(asks)], now_ms=now_ms)
        taken.append((time.perf_counter() - begin) * 1000)
    print(json.dumps({"p50_ms": statistics.median(taken), "p99_ms": statistics.quantiles(taken, n=100)[98]}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
