"""Be an object: enrol with a claim, send, look at what waits, or replay a recording as a virtual object.

    0 done, receipted    1 refused    2 usage or settings    4 kept, not receipted yet    5 unavailable
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from egide.cli.errors import usage, words
from egide.errors import EgideError, UnavailableError
from egide.measure.catalogue import CATALOGUE, Metric
from egide.measure.readings import Readings, Series, encode_readings, exact

object_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Be an object: enrol, send, look at the outbox.",
)

KEPT = 4
CLOCK_S = 5.0  # how long one value waits for the platform's time before it is signed without
FolderOption = Annotated[
    Path, typer.Option("--folder", help="The object's own folder: key, certificate, outbox.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for a receipt.", min=0)]
HttpsOption = Annotated[bool, typer.Option("--https", help="Send by HTTPS only.")]
MqttOption = Annotated[bool, typer.Option("--mqtt", help="Send by MQTT only.")]


class KeyKind(StrEnum):
    p256 = "p256"
    ed25519 = "ed25519"


def _transport(https: bool, mqtt: bool) -> Any:
    if https and mqtt:
        raise typer.BadParameter("give --https or --mqtt, not both")
    return "https" if https else "mqtt" if mqtt else "auto"


def _say(data: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(data) if as_json else text)


def _date(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


@object_app.command("enrol")
def enrol(
    claim: Annotated[str, typer.Argument(help="The claim's text: egide:enrol?u=…")],
    folder: FolderOption,
    kind: Annotated[KeyKind, typer.Option(help="Kind of the key that is made.")] = KeyKind.p256,
    module: Annotated[Path | None, typer.Option(help="PKCS#11 library: a token signs.")] = None,
    token: Annotated[str, typer.Option(help="Label of the PKCS#11 token.")] = "",
    label: Annotated[str, typer.Option(help="Label of the key in the token.")] = "egide",
    pin_file: Annotated[Path | None, typer.Option(help="File, mode 0600, with the token's PIN.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Enrol: make the key here, get a certificate for it. In an enrolled folder: come back after expiry.

    Example: egide object enrol "egide:enrol?u=https://localhost:8443&ca=…" --folder watch

    Exit codes: 0 enrolled, 1 claim refused or another CA, 2 usage or settings, 5 unavailable: try again.
    """
    from egide.things import Object, Token
    from egide.trust.claim import ClaimTicket

    with usage("CLAIM is the text of a claim: egide:enrol?u=..."):
        ClaimTicket.parse(claim)
    where = None
    if module is not None:
        if not token or pin_file is None:
            raise typer.BadParameter("a PKCS#11 key needs --module, --token and --pin-file")
        where = Token(module=str(module), token=token, label=label, pin_file=str(pin_file.absolute()))
    obj = Object.enrol(claim, folder=folder, kind=kind.value, token=where)
    try:
        obj.refresh(timeout=15)
    except EgideError as err:
        words(f"egide: enrolled; the platform has not told everything yet ({err.code})")
    status = obj.status()
    obj.close()
    _say(
        {
            "object": status.uuid,
            "pairings": list(status.pairings),
            "certificate_until": _date(status.certificate_until_ms),
        },
        as_json,
        status.uuid,
    )


def _metric(name: str) -> Metric:
    found = CATALOGUE.get(name) or next((m for m in CATALOGUE.values() if m.key == name), None)
    if found is None or found.kind == "panel":
        raise typer.BadParameter(
            "no such metric: give a key of the catalogue (body-temperature) or a code (8310-5)"
        )
    return found


def _instant(text: str) -> int:
    try:
        if text.isdigit():
            return int(text)
        at = datetime.fromisoformat(text)
    except ValueError as err:
        raise typer.BadParameter("--at is ms since 1970, or a date like 2026-05-01T08:30:00+02:00") from err
    if at.tzinfo is None:
        raise typer.BadParameter("--at needs a time zone: 2026-05-01T08:30:00+02:00")
    return int(at.timestamp() * 1000)


def _series(metric: Metric, value: str, unit: str) -> Series:
    """One value, as it is signed. What no envelope can say is wrong usage, and never queued."""
    if unit and unit not in metric.units:
        raise typer.BadParameter(f"{metric.key} is given in {' or '.join(metric.units)}")
    with usage("--value is a decimal number that an envelope can say: 36.80"):
        number, exponent = exact(value)
        made = Series(code=metric.code, unit=unit or metric.unit, times=0, exponent=exponent, values=(number,))
        encode_readings(Readings(t0_ms=0, series=(made,)))
    return made


@object_app.command("send")
def send(
    folder: FolderOption,
    metric: Annotated[str, typer.Option(help="What was measured: a key of the catalogue, or its code.")],
    value: Annotated[str, typer.Option(help="The value, as it was read: 36.80 stays 36.80.")],
    unit: Annotated[str, typer.Option(help="UCUM unit; by default the metric's own.")] = "",
    at: Annotated[
        str, typer.Option(help="When (ISO date with zone, or ms since 1970); by default now.")
    ] = "",
    https: HttpsOption = False,
    mqtt: MqttOption = False,
    wait: WaitOption = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Sign one value, keep it, send it, and wait for the receipt.

    Example: egide object send --folder watch --metric body-temperature --value 36.80

    Exit codes: 0 receipted, 1 refused, 2 usage or settings, 4 kept in the outbox: it is sent again at the
    next start.
    """
    from egide.things import Object, State

    series = _series(_metric(metric), value, unit)
    instant = _instant(at) if at else None
    with usage("--at is later than what an envelope can say"):
        encode_readings(Readings(t0_ms=instant or 0, series=(series,)))
    with Object.open(folder, transport=_transport(https, mqtt)) as obj:
        with suppress(UnavailableError):  # so that the clock is set when the reading is dated
            obj.refresh(timeout=wait if not obj.pairings else min(wait, CLOCK_S))
        sent = obj.send(Readings(t0_ms=obj.clock.now_ms() if instant is None else instant, series=(series,)))
        obj.flush(timeout=wait)
        item = obj.find(sent)
        state = "unsigned" if item is None else item.state.name.lower()
        problems = obj.status().problems
    data = {
        "state": state,
        "seq": sent.seq,
        "envelope": None if sent.digest is None else sent.digest.hex(),
        "code": None if item is None else item.code,
        "log": None if item is None else item.log,
        "entry": None if item is None else item.leaf,
    }
    _say(data, as_json, " ".join([state, *([f"{item.log} {item.leaf}"] if item and item.log else [])]))
    if item is not None and item.state is State.RECEIPTED:
        return
    if item is not None and item.state is State.DEAD:
        words(f"egide: {item.code}: the platform refused this envelope; it stays in the dead letters")
        raise typer.Exit(1)
    words(f"egide: kept, not receipted yet{''.join(f' ({what}: {code})' for what, code in problems.items())}")
    raise typer.Exit(KEPT)


@object_app.command("flush")
def flush(
    folder: FolderOption,
    https: HttpsOption = False,
    mqtt: MqttOption = False,
    wait: WaitOption = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Send what waits in the outbox.

    Example: egide object flush --folder watch --https

    Exit codes: 0 nothing waits any more, 2 settings, 4 something still does.
    """
    from egide.things import Object

    with Object.open(folder, transport=_transport(https, mqtt)) as obj:
        counts = obj.flush(timeout=wait)
    _say(_counts(counts), as_json, _counts_text(counts))
    if counts.waiting or counts.drafts:
        raise typer.Exit(KEPT)


def _counts(counts: Any) -> dict[str, int]:
    return {name: getattr(counts, name) for name in ("waiting", "receipted", "dead", "drafts")}


def _counts_text(counts: Any) -> str:
    return "  ".join(f"{name} {count}" for name, count in _counts(counts).items())


@object_app.command("outbox")
def outbox(folder: FolderOption, as_json: JsonOption = False) -> None:
    """Show what waits, what is receipted (kept 30 days) and what was refused (dead letters, always kept).

    Values are not shown. Works while the object runs.

    Example: egide object outbox --folder watch --json

    Exit codes: 0 shown, 2 settings, 5 the store cannot be read.
    """
    from egide.things import State
    from egide.things.peek import peek

    with peek(folder) as found:
        counts = found.outbox.counts()
        rows: list[dict[str, Any]] = [
            {
                "state": state.name.lower(),
                "seq": item.seq,
                "envelope": item.digest.hex(),
                "added": _date(item.added_ms),
                "settled": _date(item.settled_ms),
                "code": item.code,
                "log": item.log,
                "entry": item.leaf,
            }
            for state in State
            for item in found.outbox.items(state)
        ]
    if as_json:
        typer.echo(json.dumps({"counts": _counts(counts), "envelopes": rows}))
        return
    words(f"egide: {_counts_text(counts)}")
    for row in rows:
        end = row["code"] or ("" if row["log"] is None else f"{row['log']} {row['entry']}")
        typer.echo(
            f"{row['state']:9}  {row['seq']:>6}  {row['added']}  {row['envelope'][:16]}  {end}".rstrip()
        )


@object_app.command("status")
def status(folder: FolderOption, as_json: JsonOption = False) -> None:
    """Show who the object is, how much waits, and what the register showed it. Works while it runs.

    Example: egide object status --folder watch

    Exit codes: 0 all is well, 1 a log was rolled back, 2 settings, 5 the store cannot be read.
    """
    from egide.things.peek import peek

    with peek(folder) as found:
        exposures = found.memory.exposures()
        data: dict[str, Any] = {
            "object": found.state.uuid,
            "platform": found.state.url,
            "pairings": list(found.state.pairings),
            "certificate_until": _date(found.certificate_until_ms),
            "outbox": _counts(found.outbox.counts()),
            "logs": [
                {"log": log.uri, "size": log.head.size, "root": log.head.root.hex()}
                for log in found.memory.logs()
            ],
            "exposures": [
                {
                    "at": _date(e.at_ms),
                    "log": e.log,
                    "what": e.what,
                    "remembered": e.remembered.size,
                    "shown": [head.size for head in e.shown],
                }
                for e in exposures
            ],
        }
    if as_json:
        typer.echo(json.dumps(data))
    else:
        for name in ("object", "platform", "certificate_until"):
            typer.echo(f"{name.replace('_', ' '):18} {data[name]}")
        typer.echo(f"{'outbox':18} {'  '.join(f'{k} {v}' for k, v in data['outbox'].items())}")
        for log in data["logs"]:
            typer.echo(f"{'log':18} {log['log']} size {log['size']}")
    for each in exposures:
        shown, seen = each.shown[0].size, each.remembered.size
        words(f"egide: {each.what}: {each.log} showed {shown} entries, after it had shown {seen}")
    if any(each.what != "restored" for each in exposures):
        raise typer.Exit(1)


@object_app.command("virtual")
def virtual(
    folder: FolderOption,
    profile: Annotated[
        str, typer.Option(help="What it measures: glucose, watch, heart-monitor, oximeter, …")
    ],
    patient: Annotated[int, typer.Option(help="Whose recording: people differ by their number.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same values.")] = 0,
    speed: Annotated[float, typer.Option(help="Measure so many times as often.", min=0.01)] = 1.0,
    fault: Annotated[
        list[str] | None, typer.Option(help="clock-drift, no-clock, replay, flat-line, spike, …")
    ] = None,
    history: Annotated[float, typer.Option(help="First send so many past hours.", min=0)] = 0.0,
    https: HttpsOption = False,
    mqtt: MqttOption = False,
) -> None:
    """Replay a recording as an enrolled object, until Ctrl-C; what is not receipted by then stays.

    Example: egide object virtual --folder watch --profile watch --speed 10 --fault spike

    Exit codes: 0 stopped by Ctrl-C, 2 usage or settings, 5 unavailable.
    """
    from egide.things import Object
    from egide.things.profiles import PROFILES
    from egide.things.virtual import Fault, VirtualObject, run

    if profile not in PROFILES:
        raise typer.BadParameter(f"profiles are: {', '.join(PROFILES)}")
    try:
        faults = {Fault(name) for name in fault or ()}
    except ValueError as err:
        raise typer.BadParameter(f"faults are: {', '.join(Fault)}") from err
    thing = VirtualObject(profile, patient_no=patient, seed=seed, faults=faults, speed=speed)
    stop = _stopped()
    with Object.open(folder, transport=_transport(https, mqtt), clock=thing.clock()) as obj:
        if not obj.pairings:
            obj.refresh(timeout=30)
        for readings in thing.history(obj.clock.now_ms(), hours=history):
            obj.send(readings)
        words(f"egide: {thing.model}, one measure in {thing.cadence_s:g} s (Ctrl-C stops)")
        run(obj, thing, stop, sent=_counting(obj))
        counts = obj.flush(timeout=3)
    words(f"egide: {_counts_text(counts)}")


def _stopped() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _counting(obj: Any) -> Callable[[Readings], None]:
    last = time.monotonic()

    def sent(_: Readings) -> None:
        nonlocal last
        if time.monotonic() - last >= 10:
            last = time.monotonic()
            words(f"egide: {_counts_text(obj.outbox.counts())}")

    return sent
