"""Messages outside, from the platform's side: send them, list what was given up, try a channel.

Nothing that is printed names a person or an address.
"""

from __future__ import annotations

import json
import signal
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words

messages_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Messages outside (e-mail, text messages, push): send, list what was given up, try a channel.",
)


def _now() -> int:
    return time.time_ns() // 1_000_000


@messages_app.command("run")
def run(data: DataOption = None, keys: KeysOption = None) -> None:
    """Send what waits, until told to stop. `egide up` starts this by itself where messages_address is set.

    Example: egide messages run

    Exit codes: 0 stopped, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.messages.sender import Sender
    from egide.cloud.messages.sender import setup as channels

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    sender = Sender(channels())
    typer.echo("ready")
    sender.run(stop)


@messages_app.command("dead")
def dead(
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """List messages that were given up: id, channel, tries, what went wrong, when. The latest first.

    Example: egide messages dead

    Exit codes: 0 none, 1 some were given up, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.messages import outbox

    rows = [
        {
            "id": str(row.pk), "channel": row.way.channel, "tries": row.tries, "trouble": row.trouble,
            "at": datetime.fromtimestamp((row.settled_ms or 0) / 1000, UTC).isoformat(timespec="seconds"),
        }
        for row in outbox.dead()
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo("  ".join(str(value) for value in row.values()))
    if rows:
        raise typer.Exit(1)
    words("egide: no message was given up")


@messages_app.command("again")
def again(
    message: Annotated[str, typer.Argument(help="Id, as dead printed it.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Try a message again that was given up.

    Example: egide messages again 3f6c0a52-8a86-4f0e-9a53-1d6f5a1f2b77

    Exit codes: 0 it waits again, 1 there is no such message, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.messages import outbox
    from egide.errors import NotFoundError

    try:
        key = uuid.UUID(message)
    except ValueError as err:
        raise NotFoundError("no message was given up under that id") from err
    outbox.again(key, now_ms=_now())
    words("egide: it is tried again")


@messages_app.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(help="email, sms or push.")],
    to: Annotated[str, typer.Option(prompt="To", help="An address of your own; asked for when it is not given.")],
    language: Annotated[str, typer.Option(help="fr or en.")] = "fr",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Send the message itself to an address of yours, now, and say who took it. Nothing of it is kept.

    Example: egide messages test email --to you@example.org

    Exit codes: 0 taken, 1 refused, 2 settings, 5 nobody took it: try again.
    """
    setup(data, keys)
    from egide.cloud.messages.catalogue import text_in
    from egide.cloud.messages.channels import Message
    from egide.cloud.messages.sender import setup as channels
    from egide.errors import ConfigError

    out = channels()
    if channel not in out.channels:
        raise ConfigError("this channel is not set up: see the messages_ settings")
    message = Message(id=str(uuid.uuid4()), to=to, text=text_in(language), language=language, portal=out.portal)
    out.channels[channel].send(message)
    words("egide: taken; whether it arrives is for the other side to say")
