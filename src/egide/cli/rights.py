"""The rights desk on the command line: what is due, a person's own file, erasures, the keyring."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words
from egide.errors import NameTakenError, StorageError

rights_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Requests of the rights: what is due, files handed over, erasures.",
)
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _write(file: Path, content: bytes) -> None:
    """A file of mode 0600 that did not exist. Raises StorageError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
    except OSError as err:
        raise StorageError("the file cannot be written") from err


@rights_app.command("due")
def due(
    late: Annotated[bool, typer.Option("--late", help="Only those whose time has passed.")] = False,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the requests that wait for an answer, the most urgent first. Names and words are not printed.

    Example: egide rights due --late

    Exit codes: 0 nothing is late, 1 something is, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.governance.models import Request

    now = _now()
    rows = Request.objects.filter(state=Request.State.OPEN).select_related("patient").order_by("due_ms", "id")
    found = [
        {"request": str(r.pk), "user": r.patient.username, "right": r.kind, "due_ms": r.due_ms, "late": r.due_ms <= now}
        for r in rows
        if not late or r.due_ms <= now
    ]
    if as_json:
        typer.echo(json.dumps(found))
    else:
        for row in found:
            left = (int(str(row["due_ms"])) - now) // 86_400_000
            when = "LATE" if row["late"] else f"{left} days left"
            typer.echo(f"{row['request']}  {row['user']}  {row['right']:<11}  {when}")
    raise typer.Exit(1 if any(row["late"] for row in found) else 0)


@rights_app.command("export")
def export(
    patient: Annotated[str, typer.Argument(help="User name, or the exact name, of the patient.")],
    file: Annotated[Path, typer.Argument(help="Where to write it: a zip, readable by you alone.")],
    by: Annotated[str, typer.Option("--by", help="User name of the person of the desk who hands it over.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Make a patient's own file for somebody who has no screen: journaled as an export, with the name of who made it.

    Example: egide rights export jy3k6vd2m5q7tnca /mnt/usb/egide.zip --by u4krwmvwmrp6qsiz

    Exit codes: 0 written, 1 refused, 2 settings, or a file of that name, 5 the disk.
    """
    setup(data, keys)
    from egide.cloud.fhir.portability import portable_file
    from egide.cloud.governance import requests
    from egide.cloud.people.service import find

    if file.exists():
        raise NameTakenError("there is a file of that name already: an export replaces nothing")
    person, officer = find(patient), find(by)
    asked = requests.ask(person, "portability", by=officer, now_ms=_now(), via="command")
    made = portable_file(person, now_ms=_now())
    _write(file, made.content)
    requests.delivered(asked, by=officer, now_ms=_now(), via="command")
    words(f"egide: {made.values} values, {made.proofs} proofs: {file}")


@rights_app.command("form")
def form(
    patient: Annotated[str, typer.Argument(help="User name, or the exact name, of the patient.")],
    file: Annotated[Path, typer.Argument(help="Where to write the PDF.")],
    by: Annotated[str, typer.Option("--by", help="User name of the professional who took the agreement.")],
    how: Annotated[str, typer.Option(help="oral, paper or screen.")] = "oral",
    refused: Annotated[bool, typer.Option("--refused", help="The person refused: that is traced too.")] = False,
    lang: Annotated[str, typer.Option(help="fr or en.")] = "fr",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Write the care agreement as a PDF that the establishment seals (PAdES, a simple signature).

    Example: egide rights form jy3k6vd2m5q7tnca agreement.pdf --by u4krwmvwmrp6qsiz --how paper

    Exit codes: 0 written, 1 refused, 2 settings, or a file of that name, 5 the disk.
    """
    setup(data, keys)
    from egide.cloud.governance.forms import care_agreement
    from egide.cloud.people.service import find

    if file.exists():
        raise NameTakenError("there is a file of that name already: a form replaces nothing")
    made = care_agreement(find(patient), find(by), how=how, agreed=not refused, lang=lang, now_ms=_now())
    _write(file, made.content)
    words(f"egide: {file}: register, entry {made.entry & (1 << 40) - 1}")


@rights_app.command("terms")
def terms(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """List the records that the law no longer asks to keep, by user name. Destroys nothing: two officers decide.

    "perhaps": no birth date is known, and somebody who was under age is kept longer.

    Example: egide rights terms

    Exit codes: 0 no term has passed, 1 some have, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.governance.terms import passed

    found = [
        {"user": p.patient.username, "until": p.term.until.isoformat(), "rule": p.term.rule, "sure": p.term.sure}
        for p in passed(now_ms=_now())
    ]
    if as_json:
        typer.echo(json.dumps(found))
    else:
        for row in found:
            typer.echo(f"{row['user']}  {row['until']}  {row['rule']:<12}  {'passed' if row['sure'] else 'perhaps'}")
    raise typer.Exit(1 if found else 0)


@rights_app.command("erased")
def erased(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """List the erasures, by the register's statements, and from when each is complete: when copies of keys have lapsed.

    Example: egide rights erased

    Exit codes: 0 done, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.governance.erasing import complete_on
    from egide.cloud.governance.erasure import erasures_of

    now = _now()
    found = []
    for e in erasures_of():
        name, until = f"{e.entry >> 40}:{e.entry & (1 << 40) - 1}", complete_on(e.at_ms)
        found.append({"entry": name, "classes": e.classes, "at_ms": e.at_ms, "complete_ms": until})
        if not as_json:
            day = time.strftime("%Y-%m-%d", time.gmtime(until // 1000))
            state = "complete" if until <= now else f"complete from {day}, when the last copy of the keys has lapsed"
            typer.echo(f"#{name}  {','.join(e.classes)}  {state}")
    if as_json:
        typer.echo(json.dumps(found))


@rights_app.command("finish")
def finish(data: DataOption = None, keys: KeysOption = None) -> None:
    """Go on with an erasure that was interrupted: until it has ended, the old key still exists. Harmless at any time.

    Example: egide rights finish

    Exit codes: 0 done, 2 settings, 5 the disk.
    """
    setup(data, keys)
    from egide.cloud.governance.erasure import finish as go_on

    words("egide: the erasure is done" if go_on(now_ms=_now()) else "egide: nothing was interrupted")


@rights_app.command("keyring")
def keyring(
    file: Annotated[Path, typer.Argument(help="Where to write the copy; keep it apart from the backups.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Copy the keyring and the list of what was erased, as they are now. A copy is kept 30 days at most.

    It opens nothing without kek.json. A restore from a backup older than an erasure needs it.

    Example: egide rights keyring /mnt/apart/keyring-2026-11-22.cbor

    Exit codes: 0 written, 2 settings, or a file of that name, 5 the disk.
    """
    setup(data, keys)
    from django.conf import settings

    from egide.cloud.keys.keyring import KEYRING, write_keyring

    if file.exists():
        raise NameTakenError("there is a file of that name already: a copy replaces nothing")
    write_keyring(settings.OPTIONS.keys, now_ms=_now())
    _write(file, (settings.OPTIONS.keys / KEYRING).read_bytes())
    words(f"egide: the keyring: {file}")
