"""Establishments, offices and invitations, from the platform's side.

Each act names who does it (--as), and is refused as it would be on a screen. Whoever may run this command holds the
platform's keys, so it is not what keeps two people two: the register shows what was done, to all.
"""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words

if TYPE_CHECKING:
    from egide.cloud.people.models import Establishment, Proposal

people_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Establishments, offices, invitations and identities.",
)
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
AsOption = Annotated[str, typer.Option("--as", help="User name of who does it.")]
PlaceOption = Annotated[str, typer.Option("--at", help="Id of the establishment; the platform's own by default.")]


def now() -> int:
    return time.time_ns() // 1_000_000


def place(text: str) -> Establishment:
    """The establishment with that id, the platform's own for "". Raises NotFoundError."""
    from egide.cloud.people.establishments import home
    from egide.cloud.people.models import Establishment
    from egide.errors import NotFoundError

    if not text:
        return home(now())
    try:
        return Establishment.objects.select_related("group").get(pk=uuid.UUID(text))
    except (ValueError, Establishment.DoesNotExist) as err:
        raise NotFoundError("no establishment has that id") from err


def show(rows: list[dict[str, Any]], as_json: bool) -> None:
    """A line each for people, an array for programs."""
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo("  ".join("-" if value is None else str(value) for value in row.values()))


def hand_over(user: str, address: str, as_json: bool) -> None:
    """A user name, and the address that one person is given, once."""
    typer.echo(json.dumps({"user": user, "address": address}) if as_json else f"{user}\n{address}")
    words("egide: the address opens the account once, within seven days: hand it to that person only")


def when(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _proposal(text: str) -> Proposal:
    from egide.cloud.people.models import Proposal
    from egide.errors import NotFoundError

    try:
        return Proposal.objects.select_related("account", "proposed_by", "establishment__group").get(pk=uuid.UUID(text))
    except (ValueError, Proposal.DoesNotExist) as err:
        raise NotFoundError("no proposal has that id") from err


@people_app.command("place")
def add_place(
    name: Annotated[str, typer.Argument(help="As it is called; it is kept sealed.")],
    by: AsOption,
    kind: Annotated[str, typer.Option(help="hospital, clinic, practice, home-care, laboratory, maker, other.")],
    with_: Annotated[str, typer.Option("--with", help="Id of a place whose group (GHT) it enters.")] = "",
    group: Annotated[str, typer.Option(help="Name of the group to open, where --with has none.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Declare an establishment, alone or in a group: steering is shared there, patients are not. Prints its id.

    Example: egide people place "Clinique des Pins" --kind clinic --as u4krwmvwmrp6qsiz

    Exit codes: 0 declared, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.people.steering import declare_establishment

    beside = place(with_) if with_ else None
    made = declare_establishment(kind, name, by=find(by), now_ms=now(), beside=beside, group=group)
    show([{"establishment": str(made.pk)}], as_json)


@people_app.command("places")
def list_places(by: AsOption, data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """List the establishments where somebody works or steers: id, kind, group, name.

    Example: egide people places --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 nobody has that user name, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.scope import scope_of
    from egide.cloud.people.service import find

    rows = scope_of(find(by), now_ms=now()).establishments().select_related("group").order_by("created_ms")
    show(
        [{"id": str(e.pk), "kind": e.kind, "group": e.group and e.group.name, "name": e.name or None} for e in rows],
        as_json,
    )


@people_app.command("name")
def name_place(
    name: Annotated[str, typer.Argument(help="As the establishment is called; it is kept sealed.")],
    by: AsOption,
    at: PlaceOption = "",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Give an establishment its name.

    Example: egide people name "Hôpital Nord" --as u4krwmvwmrp6qsiz

    Exit codes: 0 named, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.service import find
    from egide.cloud.people.steering import name_establishment

    name_establishment(place(at), name, by=find(by), now_ms=now())
    words("egide: named")


@people_app.command("offices")
def list_offices(
    who: Annotated[str, typer.Argument(help="User name.")],
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the offices that a person holds now, as signed statements say: id, office, establishment, since, until.

    Example: egide people offices u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 nobody has that user name, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.offices import offices_of
    from egide.cloud.people.service import find

    held = offices_of(find(who), now_ms=now())
    show(
        [
            {"id": str(m.pk), "office": m.office, "establishment": str(m.establishment_id), "since": when(m.since_ms),
             "until": when(m.until_ms)}
            for m in held
        ],
        as_json,
    )  # fmt: skip


@people_app.command("propose")
def propose_office(
    office: Annotated[str, typer.Argument(help="nurse, doctor, engineer, dpo, administrator...")],
    by: AsOption,
    user: Annotated[str, typer.Option(help="User name of somebody who has an account.")] = "",
    name: Annotated[str, typer.Option(help="Name of a new person instead.")] = "",
    at: PlaceOption = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose an office for somebody; another officer approves within seven days. Prints the proposal's id.

    Example: egide people propose nurse --name "Nora Petit" --as u4krwmvwmrp6qsiz

    Exit codes: 0 proposed, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.people.authority import CARE_OFFICES
    from egide.cloud.people.invitations import propose_newcomer
    from egide.cloud.people.offices import propose
    from egide.cloud.people.service import find

    if bool(user) == bool(name):
        raise typer.BadParameter("give --user or --name")
    if user:
        made = propose(find(user), place(at), office, by=find(by), now_ms=now())
    else:
        role = "professional" if office in CARE_OFFICES else "operator"
        made = propose_newcomer(role, name, place(at), office, by=find(by), now_ms=now())
    show([{"proposal": str(made.pk)}], as_json)


@people_app.command("proposals")
def list_proposals(by: AsOption, data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """List what waits for a second person where somebody steers: id, office, user, establishment, proposer, lapse.

    Example: egide people proposals --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 nobody has that user name, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.scope import scope_of
    from egide.cloud.people.service import find

    at = now()
    waiting = scope_of(find(by), now_ms=at).proposals().filter(decided_ms=None, lapses_ms__gt=at)
    show(
        [
            {"id": str(p.pk), "office": p.office, "user": p.account.username, "establishment": str(p.establishment_id),
             "by": p.proposed_by.username, "lapses": when(p.lapses_ms)}
            for p in waiting.select_related("account", "proposed_by").order_by("proposed_ms")
        ],
        as_json,
    )  # fmt: skip


@people_app.command("approve")
def approve_office(
    proposal: Annotated[str, typer.Argument(help="Id, as propose printed it.")],
    by: AsOption,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve what another proposed. Prints the user name and the address of the invitation.

    Example: egide people approve 3f6c0a52-8a86-4f0e-9a53-1d6f5a1f2b77 --as jy3k6vd2m5q7tnca

    Exit codes: 0 approved, 1 refused, 2 settings.
    """
    options = setup(data, keys)
    from egide.cloud.people.invitations import approve_newcomer, invitation_address
    from egide.cloud.people.service import find

    row = _proposal(proposal)
    token = approve_newcomer(row, by=find(by), now_ms=now())
    hand_over(row.account.username, invitation_address(options.people_address(), token), as_json)


@people_app.command("refuse")
def refuse_office(
    proposal: Annotated[str, typer.Argument(help="Id, as propose printed it.")],
    by: AsOption,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Refuse a proposal, or take back one's own.

    Example: egide people refuse 3f6c0a52-8a86-4f0e-9a53-1d6f5a1f2b77 --as jy3k6vd2m5q7tnca

    Exit codes: 0 refused as asked, 1 it may not be, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.offices import refuse
    from egide.cloud.people.service import find

    refuse(_proposal(proposal), by=find(by), now_ms=now())
    words("egide: proposal refused")


@people_app.command("dismiss")
def dismiss_office(
    office: Annotated[str, typer.Argument(help="Id of the office, as offices prints it.")],
    by: AsOption,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """End an office now: one's own, or somebody's where one steers. One person suffices.

    Example: egide people dismiss 7d1b52c8-54a4-4a0c-8a6d-0d4d8c8b0f11 --as u4krwmvwmrp6qsiz

    Exit codes: 0 ended, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.models import Membership
    from egide.cloud.people.offices import dismiss
    from egide.cloud.people.service import find
    from egide.errors import NotFoundError

    try:
        held = Membership.objects.select_related("establishment__group").get(pk=uuid.UUID(office))
    except (ValueError, Membership.DoesNotExist) as err:
        raise NotFoundError("no office has that id") from err
    dismiss(held, by=find(by), now_ms=now())
    words("egide: office ended")


@people_app.command("register")
def register(
    patient: Annotated[str, typer.Argument(help="User name of a patient who has an account.")],
    by: AsOption,
    at: PlaceOption = "",
    born: Annotated[str, typer.Option(help="Birth date, YYYY-MM-DD, where one was declared.")] = "",
    end: Annotated[bool, typer.Option("--end", help="The patient is known there no more.")] = False,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Let an establishment know a patient, so that its people find them by name; or end it. Opens no measurement.

    Example: egide people register jy3k6vd2m5q7tnca --born 1955-08-03 --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.registrations import end_registration, register_patient
    from egide.cloud.people.service import find

    if end:
        end_registration(find(patient), place(at), by=find(by), now_ms=now())
    else:
        register_patient(find(patient), place(at), by=find(by), now_ms=now(), born=born)
    words("egide: registration ended" if end else "egide: registered")


@people_app.command("welcome")
def welcome(
    by: AsOption,
    name: Annotated[str, typer.Option(help="Name of a new patient.")] = "",
    user: Annotated[str, typer.Option(help="User name of a patient to invite again instead.")] = "",
    relative: Annotated[bool, typer.Option("--relative", help="The new person is a relative.")] = False,
    at: PlaceOption = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Invite a patient, or a relative, where one works. Prints the user name and the address to hand over.

    Example: egide people welcome --name "Alice Martin" --as u4krwmvwmrp6qsiz

    Exit codes: 0 invited, 1 refused, 2 usage or settings.
    """
    options = setup(data, keys)
    from egide.cloud.people import invitations
    from egide.cloud.people.service import find

    if bool(user) == bool(name) or (user and relative):
        raise typer.BadParameter("give --name (of a patient, or of a --relative) or --user")
    if user:
        account = find(user)
        token = invitations.invite_patient(account, place(at), by=find(by), now_ms=now())
    else:
        make = invitations.invite_relative if relative else invitations.welcome_patient
        account, token = make(name, place(at), by=find(by), now_ms=now())
    hand_over(account.username, invitations.invitation_address(options.people_address(), token), as_json)
