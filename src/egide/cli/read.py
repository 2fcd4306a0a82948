"""Read measurements from the command line: the same door, the same grounds, the same journal as everybody."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words
from egide.errors import StorageError

if TYPE_CHECKING:
    from egide.cloud.release.door import Ask, Column

_AHEAD_MS: Final = 300_000  # a clock may be a little ahead
_NEVER_MS: Final = 1 << 46  # later than any reading can be dated


def read(
    patient: Annotated[str, typer.Argument(help="User name of the patient.")],
    reader: Annotated[str, typer.Option("--as", help="User name of who reads.")],
    purpose: Annotated[str, typer.Option(help="HL7 PurposeOfUse: PATRQT (own record), TREAT (care).")],
    metric: Annotated[list[str] | None, typer.Option(help="Metric key or LOINC code; all by default.")] = None,
    hours: Annotated[int, typer.Option(help="How far back.", min=1, max=24 * 366 * 30)] = 24,
    proof: Annotated[str, typer.Option(help="Write the proof of this entry (as printed) instead.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where to write the proof.")] = None,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on stdout.")] = False,
) -> None:
    """Read a patient's measurements, or write the proof of one. Yes or no, the answer is journaled for the patient.

    Example: egide read jy3k6vd2m5q7tnca --as u4krwmvwmrp6qsiz --purpose TREAT --metric glucose-interstitial-mass

    Exit codes: 0 released, 1 no ground (journaled), 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.release.door import Ask, release
    from egide.cloud.release.proof import release_proof

    now_ms = time.time_ns() // 1_000_000
    who, whose = find(reader), find(patient)
    if proof:
        file = release_proof(reader=who, patient=whose, entry=_entry(proof), purpose=purpose, now_ms=now_ms)
        try:
            (out or Path(f"proof-{proof.replace(':', '-')}.egide")).write_bytes(file)
        except OSError as err:
            raise StorageError("the proof cannot be written there") from err
        return
    since = datetime.now(UTC) - timedelta(hours=hours)
    ask = Ask(
        reader=who, patient=whose, since_ms=int(since.timestamp() * 1000), until_ms=now_ms + _AHEAD_MS,
        purpose=purpose, channel="cli", codes=_codes(metric or []),
    )  # fmt: skip
    answer = release(ask, now_ms=now_ms)
    rows = [row for column in answer.columns for row in _rows(column)]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo("  ".join(str(row[k]) for k in ("time", "metric", "value", "unit", "trust", "entry", "marks")))
    words(f"egide: {len(rows)} readings; journal entry {_name(answer.journal_entry)}")
    if later := _later(ask, now_ms):
        words(f"egide: {later} more, dated in the future, are not shown: the clock that dated them was ahead")


def _later(ask: Ask, now_ms: int) -> int:
    """How many readings that this reader may see are dated after what was asked: their number is all that is told."""
    from egide.cloud.release.door import decide_ask, open_columns

    beyond = replace(ask, since_ms=ask.until_ms, until_ms=_NEVER_MS)
    decision = decide_ask(beyond, now_ms)
    return sum(len(column.values) for column in open_columns(beyond, decision)) if decision.allowed else 0


def _codes(metrics: list[str]) -> tuple[str, ...]:
    from egide.measure.catalogue import CATALOGUE

    by_key = {m.key: code for code, m in CATALOGUE.items()}
    if unknown := [m for m in metrics if m not in by_key and m not in CATALOGUE]:
        raise typer.BadParameter(f"no such metric: {', '.join(unknown)}")
    return tuple(by_key.get(m, m) for m in metrics)


def _name(entry: int) -> str:
    return f"{entry >> 40}:{entry & ((1 << 40) - 1)}"


def _entry(name: str) -> int:
    log, _, index = name.partition(":")
    if not (log.isdigit() and index.isdigit()):
        raise typer.BadParameter("an entry is <log>:<index>, as read prints it")
    return int(log) << 40 | int(index)


def _rows(column: Column) -> list[dict[str, Any]]:
    from egide.measure.catalogue import CATALOGUE

    known = CATALOGUE.get(column.code)
    return [
        {
            "time": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds"),
            "metric": known.key if known else column.code,
            "code": column.code,
            "value": str(Decimal(value).scaleb(column.exponent)),
            "unit": column.unit,
            "trust": column.trust,
            "entry": _name(column.entry),
            "marks": sorted(column.flags | ({column.doubts[i]} if i in column.doubts else set())),
        }
        for i, (at, value) in enumerate(zip(column.times_ms, column.values, strict=True))
    ]
