"""The vault's sealed pages: a cache that long periods are read through, written again at will."""

from __future__ import annotations

import json

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words
from egide.cli.people import JsonOption, now

pages_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Sealed monthly pages, through which long periods are read. The envelopes stay the truth.",
)


@pages_app.command("status")
def status(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """How many pages there are, the envelopes that they cover, and those that wait to be written into them.

    Example: egide pages status --json

    Exit codes: 0 said, 2 settings, 5 the store.
    """
    setup(data, keys)
    from egide.cloud.vault.pages_writing import status as told

    said = told()
    if as_json:
        typer.echo(json.dumps(said))
    else:
        for name, count in said.items():
            typer.echo(f"{name} {count}")


@pages_app.command("rebuild")
def rebuild(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """Take every page away and write all of them anew, from the envelopes. Nobody reads less meanwhile, only slower.

    Example: egide pages rebuild

    Exit codes: 0 written, 2 settings, 5 the store.
    """
    setup(data, keys)
    from egide.cloud.vault import pages_writing

    done = pages_writing.rebuild(now_ms=now(), progress=lambda n: words(f"egide: {n} months"))
    said = {"months": done, **pages_writing.status()}
    typer.echo(json.dumps(said) if as_json else f"months {done}, pages {said['pages']}, covered {said['covered']}")
