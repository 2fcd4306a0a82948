"""People: accounts, who follows whom, and one-time links to sign in."""

from __future__ import annotations

import json
import sys
import time
from enum import StrEnum
from typing import Annotated

import click
import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words

person_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Accounts, follow-ups and sign-in links.",
)
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


class Role(StrEnum):
    patient = "patient"
    relative = "relative"
    professional = "professional"
    operator = "operator"


def _now() -> int:
    return time.time_ns() // 1_000_000


@person_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="As the person is called; it is kept sealed.")],
    role: Annotated[Role, typer.Option(help="What the person is here.")] = Role.patient,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account. Prints its user name, which is random: a stolen table does not tell who is a patient.

    An account made here holds no office: two officers give one (egide people propose, approve).

    Example: egide person add "Alice Martin" --role patient

    Exit codes: 0 made, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import create_account

    account = create_account(role.value, name, _now())
    typer.echo(json.dumps({"user": account.username, "id": str(account.pk)}) if as_json else account.username)


@person_app.command("follow")
def follow(
    professional: Annotated[str, typer.Argument(help="User name of a professional.")],
    patient: Annotated[str, typer.Argument(help="User name of a patient.")],
    end: Annotated[bool, typer.Option("--end", help="End the follow-up now.")] = False,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Let a professional follow a patient from now on, or end it. Written into the register.

    Example: egide person follow u4krwmvwmrp6qsiz jy3k6vd2m5q7tnca

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.consent.service import end_follow_up, start_follow_up
    from egide.cloud.people.service import find

    change = end_follow_up if end else start_follow_up
    change(find(professional), find(patient), now_ms=_now())
    words("egide: follow-up ended" if end else "egide: follow-up started")


@person_app.command("link")
def link(
    who: Annotated[str, typer.Argument(help="User name, or the exact name.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Print a link to sign in: good once, for ten minutes. There are no passwords.

    Example: egide person link u4krwmvwmrp6qsiz

    Exit codes: 0 printed, 1 nobody has that name, 2 settings.
    """
    options = setup(data, keys)
    from egide.cloud.people.service import find, link_address, make_link

    typer.echo(link_address(options.people_address(), make_link(find(who), _now())))


@person_app.command("sign-out")
def sign_out(
    who: Annotated[str, typer.Argument(help="User name, or the exact name.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """End every session of a person now, wherever it is open. Prints how many. It closes nothing else.

    Example: egide person sign-out u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 nobody has that name, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.signin.sessions import end_all

    typer.echo(end_all(find(who)))
    words("egide: every session of theirs has ended")


@person_app.command("close")
def close(
    who: Annotated[str, typer.Argument(help="User name, or the exact name.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Close the account of somebody who left: sessions, links, offices, factors end now. Prints how many sessions.

    A patient's account is not closed: what is measured goes on (egide person sign-out ends its sessions).

    Example: egide person close u4krwmvwmrp6qsiz

    Exit codes: 0 closed, 1 a patient's, or nobody has that name, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.signin.closing import close as shut

    typer.echo(shut(find(who), by=None, now_ms=_now()))
    words("egide: the account is closed; nothing that opened it works any more")


@person_app.command("reopen")
def reopen(
    who: Annotated[str, typer.Argument(help="User name, or the exact name.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Open again an account that was closed. It has no office and no factor left: give it a link, then offices.

    Example: egide person reopen u4krwmvwmrp6qsiz

    Exit codes: 0 open, 1 it was not closed, or its file was merged, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.signin.closing import reopen as open_again

    open_again(find(who), now_ms=_now())
    words("egide: the account is open; egide person link lets its owner in, two officers give offices")


@person_app.command("ceremony")
def ceremony(
    finish: Annotated[bool, typer.Option("--finish", help="Bring both halves together.")] = False,
    first_name: Annotated[str, typer.Option(help="Name of the first person: the administrator.")] = "",
    second_name: Annotated[str, typer.Option(help="Name of the second: the security officer.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the first two officers, by two people. Without --finish, makes two halves: each person keeps one.

    With --finish, within the hour, each types their half (on a terminal it is not shown; else a line each on stdin).
    Prints each officer's user name and invitation. Refused while two officers can act: they appoint the others.

    Example: egide person ceremony --finish --first-name "Adèle Roux" --second-name "Simon Blanc"

    Exit codes: 0 done, 1 refused, 2 usage or settings.
    """
    options = setup(data, keys)
    from egide.cloud.people.ceremony import begin
    from egide.cloud.people.ceremony import finish as bring_together
    from egide.cloud.people.establishments import home
    from egide.cloud.people.invitations import invitation_address, invite_staff

    if not finish:
        halves = begin(_now())
        if as_json:
            typer.echo(json.dumps({"first": halves.first, "second": halves.second}))
            return
        for who, half in (("first", halves.first), ("second", halves.second)):
            words(f"egide: for the {who} person alone, to keep for an hour:")
            typer.echo(half)
            if sys.stdin.isatty() and sys.stdout.isatty():
                typer.prompt(f"the {who} person has noted it; press Enter", default="", show_default=False)
                click.clear()
        return
    if not (first_name and second_name):
        raise typer.BadParameter("give both names")
    first, second = _half("first"), _half("second")
    made = bring_together(first, first_name, second, second_name, now_ms=_now())
    rows = []
    for account, other, office in zip(made, reversed(made), ("administrator", "security-officer"), strict=True):
        token = invite_staff(account, home(_now()), by=other, now_ms=_now())
        address = invitation_address(options.people_address(), token)
        rows.append({"user": account.username, "office": office, "address": address})
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo("  ".join(row.values()))


def _half(who: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"half of the {who} person", hide_input=True, err=True))
    return sys.stdin.readline().strip()


@person_app.command("list")
def list_people(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """List accounts: user name and role. Names are not printed.

    Example: egide person list --json

    Exit codes: 0 done, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.models import Account

    rows = [{"user": a.username, "role": a.role} for a in Account.objects.order_by("created_ms")]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo(f"{row['user']}  {row['role']}")
