"""Fifty clinicians on live pages, beside intake, on the same cores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.context import ENGINES, Context, Home, say
from bench.load import Generator
from bench.platform import Running, running_platform
from bench.table import Row, number

__all__ = ["HOW", "measure"]

HOW: Final = """
`egide up` runs as it would anywhere. Fifty clinicians, each with a session and a live stream of their own,
follow 24 of 50 patients each, and go between their list, a record and its "why can I see this?", 5 to 15
seconds a page; when the stream says that something came, the page asks for its own part again, as often as
pages do (a list each 30 s, a record each 3 s). Meanwhile 1,000 objects, the 50 patients' among them, send
1,000 envelopes a second over MQTT with mutual TLS. Platform, objects and people share the machine's cores. A
page's time ends with its last byte. Deciding is measured alone: statements, rules and policies, for records
that this process has read before. The first page's weight is that of the list with all that it loads at once,
each part compressed as a front does; charts come later. A chart's time is that of asking for a month of a
glucose sensor, one value each 5 minutes, and of drawing it in Chromium, with nothing else running.
"""
CLINICIANS: Final = 50
PATIENTS: Final = 50
FOLLOWED: Final = 24
RATE: Final = 1_000
PAGE_MS: Final = 300
DECIDE_MS: Final = 2
WEIGHT_KB: Final = 100
CHART_MS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    clinicians: int
    objects: int
    warm_s: int
    seconds: int

    @property
    def whole_s(self) -> int:
        return self.warm_s + self.seconds


def measure(context: Context) -> list[Row]:
    """On each engine; the weight and the chart once."""
    size = _Size(clinicians=10, objects=100, warm_s=5, seconds=15)
    if not context.quick:
        size = _Size(clinicians=CLINICIANS, objects=1_000, warm_s=20, seconds=90)
    generator = Generator.build(context.folder)
    rows: list[Row] = []
    for engine in context.engines():
        with context.home("people", engine) as home:
            rows += _engine(context.folder / f"clinic-{engine}", home, generator, size, engine, first=not rows)
    return rows


def _engine(folder: Path, home: Home, generator: Generator, size: _Size, engine: str, *, first: bool) -> list[Row]:
    folder.mkdir()
    rate = RATE * size.objects // 1_000
    say(f"people: a ward on {ENGINES[engine]}, and {rate * (size.whole_s + 10):,} envelopes signed")
    home.job("empty")
    made = home.job(
        "clinic", clinicians=size.clinicians, patients=min(PATIENTS, size.objects - 1), each=FOLLOWED,
        objects=size.objects, folder=str(folder), live=rate * (size.whole_s + 10) // size.objects,
    )  # fmt: skip
    decided = home.job("authorise", times=1_000)
    rows = [
        Row(claim=f"Deciding who may see, {ENGINES[engine]}", measured=decided["p50_ms"], target=DECIDE_MS, more=False,
            unit="ms", note=f"median of what it adds to a read; p99 {number(decided['p99_ms'])} ms"),
    ]  # fmt: skip
    with running_platform(home) as platform:
        base = f"http://localhost:{platform.people_port}"
        alone = [_chart(home, base, folder, made["chart"])] if first else []
        got, sent = _together(home, generator, platform, folder, size, rate, base)
    return rows + _rows(got, sent, size, rate, engine) + ([_weight(got)] if first else []) + alone


def _together(
    home: Home, generator: Generator, platform: Running, folder: Path, size: _Size, rate: int, base: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the people met, and what the generator did meanwhile."""
    with ThreadPoolExecutor(1) as beside:
        sending = beside.submit(
            generator.run, port=platform.mqtt_port, pki=folder / "pki", names=folder / "live" / "names.txt",
            corpus=folder / "live" / "corpus.bin", answers=folder / "answers.bin", seconds=size.whole_s + 5, rate=rate,
            window=16,
        )  # fmt: skip
        got = home.job("clinicians", base=base, folder=str(folder), warm_s=size.warm_s, seconds=size.seconds)
        return got, sending.result()


def _rows(got: dict[str, Any], sent: dict[str, Any], size: _Size, rate: int, engine: str) -> list[Row]:
    if "page_p95_ms" not in got:
        raise RuntimeError(f"no page was answered: {got['failed']}")
    failed = ", ".join(f"{count} of {what}" for what, count in sorted(got["failed"].items()))
    beside = f"beside {number(sent['answered_per_s'])} envelopes/s"
    told = f"p50 {number(got['page_p50_ms'])} ms, p99 {number(got['page_p99_ms'])} ms of {got['pages']:,} pages"
    rows = [
        Row(claim=f"A page, p95, {size.clinicians} clinicians on live pages, {ENGINES[engine]}",
            measured=got["page_p95_ms"], target=PAGE_MS, more=False, unit="ms",
            note=f"{beside}; {told}" + (f"; failed: {failed}" if failed else "")),
        Row(claim=f"Intake beside them, {ENGINES[engine]}", measured=sent["answered_per_s"], target=0.98 * rate,
            unit="envelopes/s", note=f"of {rate:,} sent; receipt p99 {number(sent['answered_p99_ms'])} ms"),
    ]  # fmt: skip
    if "part_p95_ms" in got:
        rows.append(
            Row(claim=f"A live part, p95, {ENGINES[engine]}", measured=got["part_p95_ms"], unit="ms",
                note=f"p50 {number(got['part_p50_ms'])} ms of {got['parts']:,}; {got['news']:,} events told")
        )  # fmt: skip
    return rows


def _weight(got: dict[str, Any]) -> Row:
    return Row(
        claim="The first page's weight, compressed", measured=got["weight"] / 1000, target=WEIGHT_KB, more=False,
        unit="kB", note="the list of 24 patients with its styles, scripts and letters",
    )  # fmt: skip


def _chart(home: Home, base: str, folder: Path, patient: str) -> Row:
    claim = "A chart of 30 days, asked for and drawn"
    try:
        got = home.job("chart", base=base, folder=str(folder), patient=patient, times=7)
    except RuntimeError as err:
        return Row(claim=claim, measured=None, unit="ms", note=str(err))
    return Row(
        claim=claim, measured=got["p50_ms"], target=CHART_MS, more=False, unit="ms",
        note=f"{got['points']:,} points; median of 7, slowest {number(got['max_ms'])} ms",
    )  # fmt: skip
