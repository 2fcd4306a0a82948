"""Check every receipt that the objects hold, and that the store holds what was receipted, once."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import django

from bench.load import read_answers
from bench.presign import read_corpus
from egide.errors import EgideError
from egide.trust.answer import ReceiptAnswer, decode_answer
from egide.trust.cose import PublicKey
from egide.trust.envelope import leaf_hash
from egide.trust.register.receipt import verify_receipt

CHUNK = 2_000


def main(*, folder: str, phases: list[str]) -> None:
    django.setup()
    from django.db import connection

    from egide.cloud.register.models import Log

    log = Log.objects.get()
    held: set[int] = set()
    bad = count = 0
    for phase in phases:
        jobs = list(_chunks(Path(folder) / phase))
        with ProcessPoolExecutor(2) as pool:
            check = functools.partial(_check, spki=bytes(log.public), uri=log.uri)
            for indices, wrong in pool.map(check, jobs):
                bad += wrong
                count += len(indices)
                held.update(indices)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM vault_envelope")
        stored = int(cursor.fetchone()[0])
        cursor.execute("SELECT entry FROM vault_envelope")
        entries = {int(row[0]) & ((1 << 40) - 1) for row in cursor.fetchall()}
    print(
        json.dumps(
            {"receipts": count, "bad": bad, "doubled": count - len(held), "stored": stored,
             "lost": len(held - entries)}
        )
    )  # fmt: skip


def _chunks(folder: Path) -> Iterator[list[tuple[bytes, bytes]]]:
    """(envelope, answer) pairs."""
    corpus = read_corpus(folder / "corpus.bin")
    chunk: list[tuple[bytes, bytes]] = []
    for number, index, answer in read_answers(folder / "answers.bin"):
        chunk.append((corpus[number][index], answer))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _check(pairs: list[tuple[bytes, bytes]], *, spki: bytes, uri: str) -> tuple[list[int], int]:
    """The leaf index of each good receipt, and how many answers are not one."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = PublicKey(load_der_public_key(spki))  # type: ignore[arg-type]  # refuses other kinds itself
    good, bad = [], 0
    for envelope, answer in pairs:
        try:
            read = decode_answer(answer)
            if not isinstance(read, ReceiptAnswer):
                bad += 1
                continue
            good.append(verify_receipt(read.receipt, leaf_hash(envelope), key=key, log_uri=uri).index)
        except EgideError:
            bad += 1
    return good, bad


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
