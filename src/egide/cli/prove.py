"""Attack a platform, and show what happened."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egide.cli.errors import words

if TYPE_CHECKING:
    from egide.prove.registry import Result


def prove(
    only: Annotated[list[str] | None, typer.Option(help="Only these attacks (see --list).")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write the report as one HTML page.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the attacks and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on stdout.")] = False,
) -> None:
    """Start a platform in a temporary folder, attack it, and show each claim, what was tried and what happened.

    Example: egide prove --html report.html

    Exit codes: 0 every claim held, 1 a claim failed, 2 usage, 5 the platform did not start. Stopped by Ctrl-C or
    SIGTERM, it stops the platform first.
    """
    from egide.prove.arena import Arena
    from egide.prove.catalogue import ATTACKS
    from egide.prove.registry import run
    from egide.prove.report import html_report

    if listed:
        for one in ATTACKS.values():
            typer.echo(f"{one.name:28} {one.claim}")
        return
    if unknown := set(only or ()) - set(ATTACKS):
        raise typer.BadParameter(f"no such attack: {', '.join(sorted(unknown))} (see --list)")
    chosen = [a for a in ATTACKS.values() if not only or a.name in only]
    results: list[Result] = []
    with _stopped_in_order(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="egide-prove-")))
        shared: Arena | None = None
        for number, one in enumerate(chosen, 1):
            words(f"egide: {number}/{len(chosen)} {one.name}")
            if one.alone:
                with Arena(folder / one.name) as arena:
                    results.append(run(one, arena))
            else:
                shared = shared or stack.enter_context(Arena(folder / "shared"))
                results.append(run(one, shared))
            if not as_json:
                _say(results[-1])
    if as_json:
        typer.echo(json.dumps([_plain(r) for r in results]))
    if html is not None:
        html.write_text(html_report(results), encoding="utf-8")
        words(f"egide: report: {html}")
    failed = [r for r in results if not r.held]
    words(f"egide: {len(results) - len(failed)} of {len(results)} claims held")
    raise typer.Exit(1 if failed else 0)


@contextmanager
def _stopped_in_order() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that what was started in it is stopped; a second one waits for that."""

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(result: Result) -> None:
    typer.echo(f"{'HELD  ' if result.held else 'FAILED'} {result.attack.name}: {result.attack.claim}")
    for line in result.happened:
        typer.echo(f"         {line}")
    if result.breach:
        typer.echo(f"       ! {result.breach}")


def _plain(result: Result) -> dict[str, object]:
    return {
        "name": result.attack.name, "claim": result.attack.claim, "attacker": result.attack.attacker,
        "needs": list(result.attack.needs), "held": result.held, "happened": result.happened, "breach": result.breach,
        "seconds": round(result.seconds, 3),
    }  # fmt: skip
