"""The platform's own certificates."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words

keys_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The platform's own certificates.",
)


@keys_app.callback()
def _keys() -> None:
    pass


@keys_app.command("renew")
def renew(
    everything: Annotated[bool, typer.Option("--all", help="Also what still lasts over 30 days.")] = False,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on stdout.")] = False,
) -> None:
    """Renew the servers' certificate, and the issuing CA's when it grows short: the same keys, under new dates.

    Objects that trust the root notice nothing. `egide up` does this by itself, and shows what is new within a minute;
    roles that run apart show it once they are started again. The platform's signing certificate is not renewed.

    Example: egide keys renew --all

    Exit codes: 0 renewed, or nothing was due, 2 settings, or a key that is missing, 5 the disk.
    """
    options = setup(data, keys)
    from egide.cloud.config.renewal import renew as renew_due

    done = renew_due(options, now_ms=time.time_ns() // 1_000_000, everything=everything)
    rows = [{"file": one.name, "until": _date(one.until_ms)} for one in done]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['file']}  {row['until']}")
    if not rows:
        words("egide: nothing is due")


def _date(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
