"""Fifty people at work over HTTP: each has a session, a live stream open, and goes from page to page.

A page is asked for as a browser does; when the stream says that something came, the page's own part is asked for again,
not more often than the page itself bears. Nothing of the platform is imported here.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import random
import re
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

LIST_PAUSE_S: Final = 30.0
RECORD_PAUSE_S: Final = 3.0
LOOK_S: Final = (5.0, 15.0)  # how long one looks at a page
_WAIT_S: Final = 30.0


@dataclass(slots=True)
class Taken:
    """How long answers took, in ms, and what went wrong."""

    pages: list[float] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)
    news: int = 0
    failed: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Clinician:
    """One browser. `since` is when measuring begins: what came before warms up."""

    client: httpx.AsyncClient
    patients: list[str]
    chance: random.Random
    since: float
    until: float
    taken: Taken

    async def work(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, LOOK_S[1]))  # nobody begins together
        turn = 0
        while time.monotonic() < self.until:
            patient = self.chance.choice(self.patients)
            page, watched, part, pause = (
                ("/patients", self.patients, "/patients/lines", LIST_PAUSE_S),
                (f"/patients/{patient}", [patient], f"/patients/{patient}/latest?period=24h&metric=", RECORD_PAUSE_S),
                (f"/patients/{patient}/why", [], "", 0.0),
            )[turn % 3]
            turn += 1
            await self._ask(page, self.taken.pages)
            look = self.chance.uniform(*LOOK_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(look, max(0.0, self.until - time.monotonic()))):
                    await (self._listen(watched, part, pause) if watched else asyncio.sleep(look))

    async def _ask(self, path: str, taken: list[float]) -> None:
        begin = time.monotonic()
        try:
            answer = await self.client.get(path)
        except httpx.HTTPError as err:
            self._fail(type(err).__name__)
            return
        if answer.status_code != 200:
            self._fail(f"{answer.status_code} {re.sub('[0-9a-f-]{36}', 'x', path)}")
        elif begin >= self.since:
            taken.append((time.monotonic() - begin) * 1000)

    async def _listen(self, watched: list[str], part: str, pause: float) -> None:
        last = time.monotonic()
        async with self.client.stream("GET", "/stream", params=[("p", p) for p in watched], timeout=None) as answer:
            if answer.status_code != 200:
                self._fail(f"{answer.status_code} /stream")
            async for line in answer.aiter_lines():
                if line != "event: news":
                    continue
                self.taken.news += 1
                if time.monotonic() - last >= pause:
                    last = time.monotonic()
                    await self._ask(part, self.taken.parts)

    def _fail(self, what: str) -> None:
        self.taken.failed[what] = self.taken.failed.get(what, 0) + 1


async def _weight(client: httpx.AsyncClient) -> int:
    """Bytes of the list's page with everything that it loads at once, as a front compresses it."""
    page = await client.get("/patients")
    found = re.findall(r'(?:src|href)="(/static/[^"]+\.(?:css|js|woff2|svg))"', page.text)
    total = len(gzip.compress(page.content))
    for address in dict.fromkeys(found):
        body = (await client.get(address)).content
        total += len(body) if address.endswith("woff2") else len(gzip.compress(body))
    return total


async def _everybody(base: str, people: list[dict[str, Any]], warm_s: float, seconds: float) -> dict[str, Any]:
    begin, taken = time.monotonic(), Taken()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=base, cookies={"sessionid": one["session"]}, timeout=_WAIT_S)
            )
            for one in people
        ]
        weight = await _weight(clients[0])
        work = [
            Clinician(client, one["patients"], random.Random(n), begin + warm_s, begin + warm_s + seconds, taken).work()
            for n, (client, one) in enumerate(zip(clients, people, strict=True))
        ]
        await asyncio.gather(*work)
    return {
        "weight": weight, "pages": len(taken.pages), "parts": len(taken.parts), "news": taken.news,
        "failed": taken.failed, **_quantiles("page", taken.pages), **_quantiles("part", taken.parts),
    }  # fmt: skip


def _quantiles(name: str, taken: list[float]) -> dict[str, float]:
    if len(taken) < 2:
        return {}
    cuts = statistics.quantiles(taken, n=100)
    return {f"{name}_p50_ms": cuts[49], f"{name}_p95_ms": cuts[94], f"{name}_p99_ms": cuts[98]}


def main(*, base: str, folder: str, warm_s: float, seconds: float) -> None:
    people = json.loads((Path(folder) / "clinicians.json").read_text())
    print(json.dumps(asyncio.run(_everybody(base, people, warm_s, seconds))))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
