"""Systems that write over FHIR: register one for an establishment, renew what attests for it."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Annotated

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words

__all__ = ["system_app"]

system_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Systems that cannot sign, and write over FHIR: a hospital's gateway, a maker's cloud.",
)


@system_app.command("register")
def register(
    name: Annotated[str, typer.Argument(help="What it is, as its readers will see it.")],
    at: Annotated[str, typer.Option("--at", help="Id of the establishment whose patients it writes about.")],
    key: Annotated[Path, typer.Option(help="Its public key, PEM: P-256, P-384 or RSA.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Let a system write Observations, from now on: they are shown as "attested by a system". Prints its id.

    It calls by a key of its own, whose public half is given here. `egide fleet revoke` ends it.

    Example: egide system register "Ward gateway" --at 7c9e… --key gateway.pub.pem

    Exit codes: 0 registered, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cli.people import place
    from egide.cloud.fhir.writing.registering import register_system
    from egide.errors import UnreadableError

    try:
        pem = key.read_bytes()
    except OSError as err:
        raise UnreadableError("the file of the key cannot be read") from err
    owner = register_system(name, place(at), pem=pem, now_ms=time.time_ns() // 1_000_000)
    words("egide: registered; see docs/spec/fhir-writing.md for how it calls")
    typer.echo(str(owner.pk))


@system_app.command("renew")
def renew(
    system: Annotated[str, typer.Argument(help="Its id.")], data: DataOption = None, keys: KeysOption = None
) -> None:
    """Issue a new certificate to the key that attests for a system: before the last one expires, or after.

    Example: egide system renew 5f1c…

    Exit codes: 0 renewed, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.fhir.writing.registering import renew_system
    from egide.cloud.fleet.models import HealthObject
    from egide.errors import NotFoundError

    try:
        owner = HealthObject.objects.get(pk=uuid.UUID(system))
    except (ValueError, HealthObject.DoesNotExist) as err:
        raise NotFoundError("no system has that id") from err
    renew_system(owner, now_ms=time.time_ns() // 1_000_000)
    words("egide: renewed")
