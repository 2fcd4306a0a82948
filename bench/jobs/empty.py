"""Make the keys and the tables of a platform, and nothing more: what is signed by its keys needs another process."""

from __future__ import annotations

import json
import sys
import time

from bench.ward import open_platform


def main() -> None:
    open_platform(now_ms=time.time_ns() // 1_000_000)
    print(json.dumps({}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
