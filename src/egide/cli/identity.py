"""Who patients are: declared, proved, found, merged; and what they said at a desk."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import usage, words
from egide.cli.people import AsOption, JsonOption, now, people_app, show, when

if TYPE_CHECKING:
    from egide.cloud.people.identity import Known

__all__ = ["people_app"]

PatientArgument = Annotated[str, typer.Argument(help="User name of the patient.")]


def _known(known: Known, as_json: bool) -> None:
    row: dict[str, Any] = {
        "status": known.status, "document": known.document or None, "retrieved": known.retrieved,
        "fictive": known.fictive, "doubtful": known.doubtful, "number": known.ins is not None,
        "doubts": sorted(known.doubts),
    }  # fmt: skip
    if as_json:
        show([row], True)
    else:
        typer.echo(known.status)
        for what in sorted(known.doubts):
            words(f"egide: the number does not go with this {what}")


@people_app.command("declare")
def declare(
    patient: PatientArgument,
    by: AsOption,
    birth_name: Annotated[str, typer.Option(help="Family name of birth.")],
    given_names: Annotated[str, typer.Option(help="All given names, in the order of the register.")],
    born: Annotated[str, typer.Option(help="Birth date, YYYY-MM-DD.")],
    sex: Annotated[str, typer.Option(help="M, F, or I where it is not determined.")],
    birth_place: Annotated[str, typer.Option(help="Code of the commune, or 99 and the country's (INSEE).")] = "",
    used_name: Annotated[str, typer.Option(help="Family name in use.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write or correct a patient's traits. Prints the status that the identity has then.

    Example: egide people declare jy3k6vd2m5q7tnca --birth-name Martin --given-names Alice --born 1955-08-03 --sex F --as u4krwmvwmrp6qsiz

    Exit codes: 0 written, 1 refused, 2 usage or settings.
    """  # noqa: E501 (one line, to be copied)
    setup(data, keys)
    from egide.cloud.people.identity import declare_identity
    from egide.cloud.people.service import find
    from egide.cloud.people.traits import Traits

    with usage("--born is YYYY-MM-DD, --sex is M, F or I, and names are printable"):
        traits = Traits(
            birth_name=birth_name, given_names=given_names, birth_date=born, sex=sex, birth_place=birth_place,
            used_name=used_name,
        )  # fmt: skip
    _known(declare_identity(find(patient), traits, by=find(by), now_ms=now()), as_json)


@people_app.command("prove")
def prove(
    patient: PatientArgument,
    document: Annotated[str, typer.Argument(help="passport, identity-card, residence-permit, birth-certificate...")],
    by: AsOption,
    assisted: Annotated[bool, typer.Option(help="With a parent's or guardian's own document.")] = False,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that one compared a patient's traits with a document. Prints the status that the identity has then.

    Example: egide people prove jy3k6vd2m5q7tnca passport --as u4krwmvwmrp6qsiz

    Exit codes: 0 written, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.identity import prove_identity
    from egide.cloud.people.service import find

    known = prove_identity(find(patient), document, by=find(by), now_ms=now(), assisted=assisted)
    _known(known, as_json)


@people_app.command("number")
def number(
    patient: PatientArgument,
    by: AsOption,
    ins: Annotated[str, typer.Option(help="The number; without it, the national service is asked.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a national number after checking form and key, or ask the national service (INSi) if it is connected.

    Example: egide people number jy3k6vd2m5q7tnca --as u4krwmvwmrp6qsiz

    Exit codes: 0 written, 1 refused or not connected, 2 settings, 5 the service does not answer.
    """
    setup(data, keys)
    from egide.cloud.people.identity import declare_ins, retrieve_identity
    from egide.cloud.people.ins import NIA, NIR, Ins
    from egide.cloud.people.insi import connected
    from egide.cloud.people.service import find

    who = find(patient)
    if ins:
        read = Ins.read(ins, NIA if ins.strip()[:1] in {"7", "8"} else NIR)
        _known(declare_ins(who, read, by=find(by), now_ms=now()), as_json)
    else:
        _known(retrieve_identity(who, connected(), by=find(by), now_ms=now()), as_json)


@people_app.command("identity")
def identity(
    patient: PatientArgument,
    by: AsOption,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print how well a patient's identity is known, as signed statements say: status, document, marks. No name.

    Example: egide people identity jy3k6vd2m5q7tnca --as u4krwmvwmrp6qsiz

    Exit codes: 0 printed, 1 refused or never declared, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.identity import known_identity
    from egide.cloud.people.scope import scope_of
    from egide.cloud.people.service import find

    who, reader = find(patient), find(by)
    if reader != who:
        scope_of(reader, now_ms=now()).require_patient(who.pk)
    _known(known_identity(who), as_json)


@people_app.command("mark")
def mark(
    patient: PatientArgument,
    by: AsOption,
    fictive: Annotated[bool | None, typer.Option(help="Nobody bears it.")] = None,
    doubtful: Annotated[bool | None, typer.Option(help="Perhaps it is another person's.")] = None,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that an identity is fictive or doubtful, or no more. Prints the status that it has then.

    Example: egide people mark jy3k6vd2m5q7tnca --doubtful --as u4krwmvwmrp6qsiz

    Exit codes: 0 written, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.identity import mark_identity
    from egide.cloud.people.service import find

    _known(
        mark_identity(find(patient), by=find(by), now_ms=now(), fictive=fictive, doubtful=doubtful),
        as_json,
    )


@people_app.command("search")
def search(
    name: Annotated[str, typer.Argument(help="Names in any order, with or without accents.")],
    born: Annotated[str, typer.Argument(help="Birth date, YYYY-MM-DD.")],
    by: AsOption,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find patients by name and birth date where somebody works: user name, status, homonym or not. No name is printed.

    Example: egide people search "martin alice" 1955-08-03 --as u4krwmvwmrp6qsiz

    Exit codes: 0 searched, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.search import search
    from egide.cloud.people.service import find

    found = search(find(by), name, born, now_ms=now())
    marks = {(False, False): None, (True, False): "homonym", (True, True): "perhaps twice the same person"}
    show([{"user": f.patient.username, "status": f.status, "mark": marks[f.homonym, f.double]} for f in found], as_json)
    words(f"egide: {len(found)} found")


@people_app.command("agree")
def agree(
    patient: PatientArgument,
    about: Annotated[str, typer.Argument(help="account, follow-up, sharing, telemonitoring.")],
    by: AsOption,
    way: Annotated[str, typer.Option(help="oral or paper.")],
    evidence: Annotated[str, typer.Option(help="signed-form (paper), care-note, witness, phone-call.")],
    no: Annotated[bool, typer.Option("--no", help="The patient refused.")] = False,
    scan: Annotated[Path | None, typer.Option(help="The scanned form.")] = None,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record what a patient said at the desk, sealed for them. Prints the agreement's id.

    Example: egide people agree jy3k6vd2m5q7tnca account --way oral --evidence care-note --as u4krwmvwmrp6qsiz

    Exit codes: 0 recorded, 1 refused, 2 usage or settings, 5 the scan cannot be read.
    """
    setup(data, keys)
    from egide.cloud.people.desk import record_agreement
    from egide.cloud.people.service import find
    from egide.errors import StorageError

    try:
        content = scan.read_bytes() if scan else None
    except OSError as err:
        raise StorageError("the scan cannot be read") from err
    made = record_agreement(
        find(patient), about, agreed=not no, way=way, evidence=evidence, by=find(by), now_ms=now(), scan=content
    )
    show([{"agreement": str(made.pk)}], as_json)


@people_app.command("agreements")
def agreements(
    patient: PatientArgument,
    by: AsOption,
    withdraw: Annotated[str, typer.Option(help="Id of an agreement to withdraw, now.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what a patient said at the desk, as signed statements say, or withdraw it: id, about, yes or no, how, when.

    Example: egide people agreements jy3k6vd2m5q7tnca --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.desk import agreements_of, withdraw_agreement
    from egide.cloud.people.models import Agreement
    from egide.cloud.people.scope import scope_of
    from egide.cloud.people.service import find
    from egide.errors import NotFoundError

    who, reader = find(patient), find(by)
    if reader != who:
        scope_of(reader, now_ms=now()).require_patient(who.pk)
    if withdraw:
        try:
            row = Agreement.objects.select_related("patient").get(patient=who, pk=uuid.UUID(withdraw))
        except (ValueError, Agreement.DoesNotExist) as err:
            raise NotFoundError("this patient has no such agreement") from err
        withdraw_agreement(row, by=reader, now_ms=now())
    show(
        [
            {"id": r.agreement, "about": r.about, "answer": "yes" if r.agreed else "no", "way": r.way,
             "evidence": r.evidence, "at": when(r.at_ms), "confirmed": when(r.confirmed_ms),
             "withdrawn": when(r.withdrawn_ms)}
            for r in agreements_of(who)
        ],
        as_json,
    )  # fmt: skip


@people_app.command("contact")
def contact(
    user: Annotated[str, typer.Argument(help="User name of the person.")],
    by: AsOption,
    email: Annotated[str, typer.Option(help="An e-mail address to keep.")] = "",
    phone: Annotated[str, typer.Option(help="A phone number to keep.")] = "",
    forget: Annotated[str, typer.Option(help="Id of a contact to forget.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep or forget how a person is reached, sealed. Prints the kind and id of each that is kept, not its value.

    Example: egide people contact jy3k6vd2m5q7tnca --phone "06 12 34 56 78" --as u4krwmvwmrp6qsiz

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.contacts import add_contact, contacts_of, forget_contact
    from egide.cloud.people.proofing import require_desk
    from egide.cloud.people.service import find
    from egide.errors import NotFoundError

    who, actor = find(user), find(by)
    if actor != who:
        require_desk(who, by=actor, now_ms=now())
    for kind, value in (("email", email), ("phone", phone)):
        if value:
            add_contact(who, kind, value, by=actor, now_ms=now())
    if forget:
        try:
            forget_contact(who, uuid.UUID(forget), by=actor, now_ms=now())
        except ValueError as err:
            raise NotFoundError("no contact has that id") from err
    show([{"kind": c.kind, "id": str(c.id)} for c in contacts_of(who)], as_json)


WhyOption = Annotated[str, typer.Option("--why", help="What shows it. Both files keep it: name nobody in it.")]


@people_app.command("merge")
def merge(
    kept: Annotated[str, typer.Argument(help="User name of the file that is kept.")],
    merged: Annotated[str, typer.Argument(help="User name of the other file of the same person.")],
    by: AsOption,
    why: WhyOption,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose that one file leads to another: lists then show the kept one, readings stay. Prints the proposal's id.

    Example: egide people merge jy3k6vd2m5q7tnca mw3pz6v4r2q7xkce --why "Même passeport" --as u4krwmvwmrp6qsiz

    Exit codes: 0 proposed, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.merge_proposals import propose_merge
    from egide.cloud.people.service import find

    proposal = propose_merge(find(kept), find(merged), reason=why, by=find(by), now_ms=now())
    show([{"proposal": proposal}], as_json)
    words("egide: proposed; nothing changes before a second person confirms it")


@people_app.command("unmerge")
def unmerge(
    merge_id: Annotated[str, typer.Argument(metavar="MERGE", help="Id, as merge-decide printed it.")],
    by: AsOption,
    why: WhyOption,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose to tell two merged files apart again: each is what it was. Prints the proposal's id.

    Example: egide people unmerge 0a3b1f0e-6d0c-4b7e-9a43-8d1f1f1f2b77 --why "Deux sœurs" --as u4krwmvwmrp6qsiz

    Exit codes: 0 proposed, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.merge_proposals import propose_unmerge
    from egide.cloud.people.models import Merge
    from egide.cloud.people.service import find
    from egide.errors import NotFoundError

    try:
        row = Merge.objects.select_related("kept", "merged").get(pk=uuid.UUID(merge_id))
    except (ValueError, Merge.DoesNotExist) as err:
        raise NotFoundError("no merge has that id") from err
    show([{"proposal": propose_unmerge(row, reason=why, by=find(by), now_ms=now())}], as_json)
    words("egide: proposed; nothing changes before a second person confirms it")


@people_app.command("merge-decide")
def merge_decide(
    proposal: Annotated[str, typer.Argument(help="Id, as merge or unmerge printed it.")],
    by: AsOption,
    no: Annotated[bool, typer.Option("--no", help="Refuse it, or take back one's own.")] = False,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm, as a second person, a merge or its undoing; or refuse it. Prints the merge's id.

    Example: egide people merge-decide 5b1d3c52-0c57-4be4-9b1f-3f2f0a1f8c11 --as q7xkcemw3pz6v4r2

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.people.merge_proposals import confirm, proposal_of, refuse
    from egide.cloud.people.scope import scope_of
    from egide.cloud.people.service import find

    reader, at = find(by), now()
    waiting = proposal_of(reader, scope_of(reader, now_ms=at), proposal, now_ms=at)
    if no:
        refuse(waiting, by=reader, now_ms=at)
        words("egide: refused; nothing changed")
        return
    row = confirm(waiting, by=reader, now_ms=at)
    show([{"merge": str(row.pk)}], as_json)
    words("egide: two files again" if waiting.merge else "egide: one file leads to the other")
