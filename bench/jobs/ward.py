"""Make a platform with a ward, what the generator needs to be its objects, and what they will send."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.presign import SPAN_MS, write_corpus
from bench.ward import make_ward, open_platform


def main(*, objects: int, folder: str, phases: dict[str, int]) -> None:
    """`phases`: name -> envelopes per object; each phase's corpus goes on where the one before ends.

    One more object than asked for gets a certificate and sends nothing: its name is in the file `spare`.
    """
    now_ms = time.time_ns() // 1_000_000
    open_platform(now_ms=now_ms)
    place = Path(folder)
    *signings, spare = make_ward(objects + 1, now_ms=now_ms, pem_folder=place / "pki").signings
    (place / "spare").write_text(spare.object_id)
    total = sum(phases.values())
    done = 0
    for name, each in phases.items():
        write_corpus(
            place / name, signings, each=each, iat=now_ms // 1000, first_seq=done + 1,
            first_ms=now_ms - (total - done) * SPAN_MS,
        )  # fmt: skip
        done += each
    print(json.dumps({"objects": objects, "envelopes": total * objects}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
