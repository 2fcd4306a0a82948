"""What a security officer sees and decides, from the platform's side: events of the path, and quarantine.

Each command names who does it (--as), who must hold the office; nothing here shows a measurement or a patient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words
from egide.cli.people import AsOption, JsonOption, now, show, when

if TYPE_CHECKING:
    from egide.cloud.ward.desks import Seat

events_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Security events, and the messages in quarantine.",
)
WhyOption = Annotated[str, typer.Option("--why", help="In a line, without anybody's name; it is signed and sealed.")]
NumbersArgument = Annotated[list[int], typer.Argument(help="Numbers, as quarantine prints them.")]


def _seat(by: str) -> Seat:
    from egide.cloud.people.service import find
    from egide.cloud.ward.desks import seat_of

    return seat_of(find(by), "security-officer", now_ms=now())


@events_app.command("list")
def list_events(
    by: AsOption,
    kind: Annotated[
        str, typer.Option(help="clone, flood, cut, witness-conflict, policy-disagreement, review-overdue.")
    ] = "",
    days: Annotated[int, typer.Option(help="How far back; 0: since the beginning.", min=0)] = 30,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """List events, newest first: name, kind, when, object, how often somebody noted it.

    Example: egide events list --as u4krwmvwmrp6qsiz --days 7

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.ward.notes import notes_on
    from egide.cloud.ward.security import Asked, happenings

    at = now()
    asked = Asked(kind=kind, since_ms=at - days * 86_400_000 if days else None)
    found = happenings(_seat(by), asked, now_ms=at)
    said = notes_on(one.about for one in found)
    show(
        [
            {"event": e.about, "kind": e.kind, "at": when(e.at_ms), "object": e.object_id or None,
             "notes": len(said.get(e.about, []))}
            for e in found
        ],
        as_json,
    )  # fmt: skip


@events_app.command("note")
def note_event(
    event: Annotated[str, typer.Argument(help="Its name, as list prints it.")],
    by: AsOption,
    why: WhyOption,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Sign a line under an event: it was seen, and why it is settled. The event stays as it is.

    Example: egide events note event:12 --why "Scale exchanged between two rooms" --as u4krwmvwmrp6qsiz

    Exit codes: 0 signed, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.ward import notes
    from egide.cloud.ward.security import happening

    at, seat = now(), _seat(by)
    one = happening(seat, event, now_ms=at)
    facts = {"kind": one.kind, "happened": one.at_ms, "object": one.object_id, "entry": one.entry}
    notes.say(seat, event, notes.SEEN, why, now_ms=at, facts=facts)
    words("egide: signed")


@events_app.command("quarantine")
def list_quarantine(
    by: AsOption,
    code: Annotated[str, typer.Option(help="Only what was refused with this code.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the latest refused messages: number, code, when, object, the beginning of the hash. Never what they say.

    Example: egide events quarantine --code pairing-unknown --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.ward.quarantine import lying

    show(
        [
            {"number": one.row.pk, "code": one.row.code, "at": when(one.row.at_ms), "object": one.row.source or None,
             "hash": one.mark}
            for one in lying(_seat(by), code=code)
        ],
        as_json,
    )  # fmt: skip


@events_app.command("again")
def try_again(
    numbers: NumbersArgument, by: AsOption, why: WhyOption, data: DataOption = None, keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Give refused messages to intake again, once what made it refuse them was mended. Intake must run.

    Example: egide events again 41 42 --why "Pairing mended" --as u4krwmvwmrp6qsiz

    Exit codes: 0 tried, 1 refused, 2 settings, 5 intake does not answer.
    """
    setup(data, keys)
    from egide.cloud.fleet.relay import relay
    from egide.cloud.ward import quarantine

    try:
        outcome = quarantine.try_again(_seat(by), numbers, why, now_ms=now())
    finally:
        relay().close()
    show([{"stored": outcome.stored, "refused": " ".join(outcome.refused) or None}], as_json)


@events_app.command("keep")
def keep(
    numbers: NumbersArgument, by: AsOption, why: WhyOption, data: DataOption = None, keys: KeysOption = None
) -> None:
    """Say of refused messages that they stay in quarantine, and why.

    Example: egide events keep 41 --why "Object scrapped" --as u4krwmvwmrp6qsiz

    Exit codes: 0 signed, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.ward import quarantine

    kept = quarantine.keep(_seat(by), numbers, why, now_ms=now())
    words(f"egide: {kept} kept")
