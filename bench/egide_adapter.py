"""The only place where the bench calls intake: bytes in, answers out, committed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.presign import SPAN_MS, Signing, read_corpus, write_corpus
from bench.ward import DAY_MS
from egide.cloud.intake.pipeline import Pipeline
from egide.cloud.intake.steps import Incoming
from egide.cloud.intake.worker import BATCH, calm_collector

__all__ = ["BATCH", "Intake", "hours"]

HISTORY_MS: Final = 400 * DAY_MS


class Intake:
    """One worker's pipeline, fed in batches as large as the worker's own."""

    def __init__(self) -> None:
        calm_collector()  # as the worker's process does
        self._pipeline = Pipeline()

    def feed(self, messages: Sequence[tuple[str, bytes]]) -> float:
        """Take in (object's id, envelope) pairs; return the seconds it took.

        Raises RuntimeError if any is refused.
        """
        start = time.perf_counter()
        for at in range(0, len(messages), BATCH):
            now_ms = time.time_ns() // 1_000_000
            batch = [
                Incoming(data=data, source=source, received_ms=now_ms)
                for source, data in messages[at : at + BATCH]
            ]
            answers = self._pipeline.process(batch)
            if refused := [answer.code for answer in answers if answer.code]:
                raise RuntimeError(f"intake refused {len(refused)} envelopes: {sorted(set(refused))}")
        return time.perf_counter() - start


def hours(
    folder: Path, signings: Sequence[Signing], *, rounds: int, each: int, now_ms: int
) -> Iterator[list[tuple[str, bytes]]]:
    """Yield `rounds` times `each` signed envelopes per object, the objects taking turns.

    Every object's readings go on from one round to the next, from 400 days ago.
    """
    for r in range(rounds):
        first = r * each
        _, corpus = write_corpus(
            folder, signings, each=each, iat=now_ms // 1000, first_seq=first + 1,
            first_ms=now_ms - HISTORY_MS + first * SPAN_MS,
        )  # fmt: skip
        objects = read_corpus(corpus)
        yield [(s.object_id, objects[i][k]) for k in range(each) for i, s in enumerate(signings)]
