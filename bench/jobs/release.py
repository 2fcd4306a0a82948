"""A patient asks for 30 days of glucose (8,640 readings, in envelopes of 12), or for a year through sealed pages."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.presign import CODE, SPAN_MS, read_corpus, write_corpus
from bench.ward import DAY_MS, make_ward, open_platform


def main(*, objects: int, times: int, days: int = 30, pages: bool = False) -> None:
    """`objects` patients have as much each; one of them asks `times` times. With `pages`, they are written before."""
    now_ms = time.time_ns() // 1_000_000
    open_platform(now_ms=now_ms)
    from bench.egide_adapter import Intake
    from egide.cloud.people.models import Account
    from egide.cloud.release.door import Ask, release
    from egide.cloud.vault.pages_writing import rebuild

    ward = make_ward(objects, now_ms=now_ms)
    each, start_ms = days * DAY_MS // SPAN_MS, now_ms - days * DAY_MS
    with tempfile.TemporaryDirectory() as folder:
        _, corpus = write_corpus(
            Path(folder), ward.signings, each=each, iat=now_ms // 1000, first_ms=start_ms, first_seq=1
        )
        signed = read_corpus(corpus)
    Intake().feed([(s.object_id, signed[i][k]) for k in range(each) for i, s in enumerate(ward.signings)])
    begin = time.perf_counter()
    months = rebuild(now_ms=now_ms) if pages else 0
    wrote_s = time.perf_counter() - begin
    patient = Account.objects.get(pk=ward.patients[0])
    taken, readings = [], 0
    for _ in range(times + 1):
        begin = time.perf_counter()
        answer = release(
            Ask(
                reader=patient, patient=patient, since_ms=start_ms, until_ms=now_ms, purpose="PATRQT",
                channel="cli", codes=(CODE,),
            ),
            now_ms=now_ms,
        )  # fmt: skip
        taken.append((time.perf_counter() - begin) * 1000)
        readings = sum(len(column.values) for column in answer.columns)
    print(
        json.dumps(
            {
                "readings": readings,
                "pages_per_s": months / wrote_s,
                "first_ms": taken[0],
                "p50_ms": statistics.median(taken[1:]),
                "max_ms": max(taken[1:]),
            }
        )
    )


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
