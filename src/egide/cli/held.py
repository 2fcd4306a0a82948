"""Readings that wait to be attributed, and whose readings are, said anew."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words
from egide.cli.people import AsOption, JsonOption, now, show

if TYPE_CHECKING:
    from egide.cloud.fleet.models import Attribution, Pairing

held_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Readings measured outside their pairing's time, and readings of another patient's.",
)
PairingArgument = Annotated[str, typer.Argument(help="The pairing's id, as `egide held list` prints it.")]
SinceOption = Annotated[str, typer.Option("--since", help="Measured from: an ISO date and time, with its zone.")]
UntilOption = Annotated[str, typer.Option("--until", help="Until just before; without it, with no end.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason: the patients concerned read it.")]


def _instant(text: str) -> int | None:
    """Ms since 1970, None for "". Wrong usage: not a date, or one without a zone."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as err:
        raise typer.BadParameter("this is not an ISO date and time") from err
    if at.tzinfo is None:
        raise typer.BadParameter("give the zone of the time, as in 2026-11-21T22:13:20+01:00")
    return round(at.timestamp() * 1000)


def _pairing(name: str) -> Pairing:
    from egide.cloud.fleet.models import Pairing
    from egide.errors import NotFoundError

    try:
        return Pairing.objects.select_related("object", "patient").get(uuid=uuid.UUID(name))
    except (ValueError, Pairing.DoesNotExist) as err:
        raise NotFoundError("no pairing has that id") from err


def _attribution(name: str) -> Attribution:
    from egide.cloud.fleet.models import Attribution
    from egide.errors import NotFoundError

    try:
        return Attribution.objects.select_related("pairing__patient", "to").get(pk=uuid.UUID(name))
    except (ValueError, Attribution.DoesNotExist) as err:
        raise NotFoundError("no attribution has that id") from err


def _told(since: str, until: str, why: str, by: str) -> dict[str, Any]:
    from egide.cloud.people.service import find

    return {
        "since_ms": _instant(since) or 0, "until_ms": _instant(until), "reason": why, "by": find(by), "now_ms": now(),
    }  # fmt: skip


@held_app.command("list")
def list_held(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """What is held, by pairing: object, patient's user name, how many envelopes, measured from and to. No value.

    Example: egide held list --json

    Exit codes: 0 nothing is held, 1 something is, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.fleet.models import Pairing
    from egide.cloud.release.moving import left_of, unfinished
    from egide.cloud.vault.holding import held_of

    for moving in unfinished():
        words(f"egide: {moving.pk} moves: {left_of(moving)} envelopes are still where they were")
    found = held_of(Pairing.objects.select_related("object", "patient"))
    rows = [
        {
            "pairing": str(held.pairing.uuid), "model": held.pairing.object.model,
            "user": held.pairing.patient.username, "held": held.count, "aside": held.dismissed,
            "first_ms": held.first_ms, "last_ms": held.last_ms,
        }
        for held in found
    ]  # fmt: skip
    show(rows, as_json)
    raise typer.Exit(1 if any(held.count for held in found) else 0)


@held_app.command("attribute")
def attribute(
    pairing: PairingArgument,
    why: WhyOption,
    by: AsOption,
    since: SinceOption = "",
    until: UntilOption = "",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Say that what is held of a pairing is its own patient's, as if its time had been longer.

    Example: egide held attribute 5f1c… --since 2026-11-21T20:00+01:00 --why "Rendu le soir" --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.release.attribution import attribute_held

    typer.echo(str(attribute_held(_pairing(pairing), **_told(since, until, why, by)).pk))


@held_app.command("dismiss")
def dismiss(
    pairing: PairingArgument,
    why: WhyOption,
    by: AsOption,
    since: SinceOption = "",
    until: UntilOption = "",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Set aside what is held of a pairing: it is kept, marked, shown to nobody, and off the list.

    Example: egide held dismiss 5f1c… --why "Essai en atelier" --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.release.attribution import dismiss_held

    typer.echo(str(dismiss_held(_pairing(pairing), **_told(since, until, why, by)).pk))


@held_app.command("move")
def move(
    pairing: PairingArgument,
    patient: Annotated[str, typer.Argument(help="User name of the patient whose they are.")],
    why: WhyOption,
    by: AsOption,
    since: SinceOption = "",
    until: UntilOption = "",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Propose that what a pairing measured is another patient's. A second person confirms it within seven days.

    Example: egide held move 5f1c… jy3k6vd2m5q7tnca --since 2026-11-21T08:00+01:00 --why "Erreur de lit" --as u4krwmvwmrp6qsiz

    Exit codes: 0 proposed, 1 refused, 2 usage or settings.
    """  # noqa: E501 (one line, to be copied)
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.release.attribution import propose

    typer.echo(str(propose(_pairing(pairing), find(patient), **_told(since, until, why, by)).pk))
    words("egide: proposed; nothing moves before a second person confirms it")


@held_app.command("file")
def file(
    merge: Annotated[str, typer.Argument(help="The merge's id, as `egide people merge-decide` prints it.")],
    by: AsOption,
    why: Annotated[str, typer.Option("--why", help="The reason, when the files are one person's.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """After a merge, propose all that the merged file's objects measured for the kept file; after an un-merge, back.

    Prints an id a pairing: a second person confirms each.

    Example: egide held file 7c1e… --why "Un seul patient" --as u4krwmvwmrp6qsiz

    Exit codes: 0 proposed, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.people.models import Merge
    from egide.cloud.people.service import find
    from egide.cloud.release.merged import propose_after_merge, propose_after_unmerge
    from egide.errors import NotFoundError

    try:
        row = Merge.objects.select_related("kept", "merged").get(pk=uuid.UUID(merge))
    except (ValueError, Merge.DoesNotExist) as err:
        raise NotFoundError("no merge has that id") from err
    if row.undone_ms is None:
        found = propose_after_merge(row, reason=why, by=find(by), now_ms=now())
    else:
        found = propose_after_unmerge(row, by=find(by), now_ms=now())
    for attribution in found:
        typer.echo(str(attribution.pk))
    words(f"egide: {len(found)} proposed; nothing moves before a second person confirms each")


@held_app.command("confirm")
def confirm(
    attribution: Annotated[str, typer.Argument(help="The id that `move` or `undo` printed.")],
    by: AsOption,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Confirm, as a second person, a move or its undoing. Prints how many envelopes moved.

    Killed in the middle, nothing is lost: the worker, or `egide held resume`, moves the rest.

    Example: egide held confirm 0a2b… --as w2m5q7tncajy3k6v

    Exit codes: 0 moved, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.release.attribution import confirm as confirm_move
    from egide.cloud.release.attribution import confirm_undo

    row = _attribution(attribution)
    act = confirm_move if row.at_ms is None else confirm_undo
    moved = act(row, by=find(by), now_ms=now())
    typer.echo(str(moved + _whole(row)))


@held_app.command("resume")
def resume(data: DataOption = None, keys: KeysOption = None) -> None:
    """Go on with every move that was decided and has not moved whole. Prints how many envelopes moved.

    Example: egide held resume

    Exit codes: 0 all has moved, 1 refused or altered, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.release.moving import unfinished

    typer.echo(str(sum(_whole(row) for row in list(unfinished()))))


def _whole(row: Attribution) -> int:
    """Move what is left, and say how far it is."""
    from egide.cloud.release.moving import move_on

    return move_on(
        row, now_ms=now(), progress=lambda moved, left: words(f"egide: {moved} more moved, {left} left")
    )


@held_app.command("undo")
def undo(
    attribution: Annotated[str, typer.Argument(help="Its id.")],
    by: AsOption,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Take back what was said. What went to another patient comes back once a second person confirms it.

    Example: egide held undo 0a2b… --as u4krwmvwmrp6qsiz

    Exit codes: 0 done or proposed, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.release.attribution import propose_undo, take_back

    row = _attribution(attribution)
    if row.kind == "moved":
        propose_undo(row, by=find(by), now_ms=now())
        words("egide: proposed; nothing moves back before a second person confirms it")
    else:
        take_back(row, by=find(by), now_ms=now())
        words("egide: taken back; they are held again")
