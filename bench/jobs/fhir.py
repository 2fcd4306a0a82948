"""A patient's app asks for pages of Observations, in a store that holds many readings of many patients."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.jobs.clinic import session_of
from bench.presign import CODE
from bench.ward import make_ward, open_platform


def main(*, objects: int, rounds: int, each: int, times: int, count: int) -> None:
    """`rounds` times `each` envelopes of every object; then a few patients read `times` pages of `count` each."""
    now_ms = time.time_ns() // 1_000_000
    open_platform(now_ms=now_ms)
    from django.conf import settings
    from django.test import Client

    from bench.egide_adapter import Intake, hours
    from egide.cloud.people.models import Account

    ward, intake = make_ward(objects, now_ms=now_ms), Intake()
    with tempfile.TemporaryDirectory() as folder:
        for messages in hours(Path(folder), ward.signings, rounds=rounds, each=each, now_ms=now_ms):
            intake.feed(messages)
    first: list[float] = []
    further: list[float] = []
    for key in ward.patients[:3]:
        client = Client(SERVER_NAME="localhost")
        client.cookies[settings.SESSION_COOKIE_NAME] = session_of(Account.objects.get(pk=key), now_ms)
        start = f"/fhir/Observation?patient={key}&code={CODE}&_count={count}&_sort=-date"
        for n in range(times + 1):
            took, bundle = _ask(client, start, count)
            then, _ = _ask(client, _next(bundle), count)
            if n:  # the first opens the patient's chains
                first.append(took)
                further.append(then)
    print(json.dumps({**_quantiles("first", first), **_quantiles("further", further)}))


def _ask(client: Any, address: str, count: int) -> tuple[float, dict[str, Any]]:
    begin = time.perf_counter()
    answer = client.get(address, headers={"Accept": "application/fhir+json"})
    took = (time.perf_counter() - begin) * 1000
    bundle = json.loads(answer.content)
    found = [e for e in bundle.get("entry", []) if e["resource"]["resourceType"] == "Observation"]
    if answer.status_code != 200 or len(found) != count:
        raise RuntimeError(f"the search answered {answer.status_code} with {len(found)} Observations")
    return took, bundle


def _next(bundle: dict[str, Any]) -> str:
    return str(next(link["url"] for link in bundle["link"] if link["relation"] == "next"))


def _quantiles(name: str, taken: list[float]) -> dict[str, float]:
    return {f"{name}_p50_ms": statistics.median(taken), f"{name}_max_ms": max(taken)}


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
