"""The fleet, from the platform's side: declare objects, hand out claims, pair, revoke."""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from egide.cli.django import DataOption, KeysOption, setup
from egide.cli.errors import words

if TYPE_CHECKING:
    from egide.cloud.fleet.models import HealthObject

fleet_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Claims, pairings and revocations.",
)
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _object(name: str) -> HealthObject:
    from egide.cloud.fleet.models import HealthObject
    from egide.errors import NotFoundError

    try:
        return HealthObject.objects.get(pk=uuid.UUID(name))
    except (ValueError, HealthObject.DoesNotExist) as err:
        raise NotFoundError("no object has that id") from err


@fleet_app.command("claim")
def claim(
    model: Annotated[str, typer.Option(help="What the object is, as its maker names it.")] = "",
    object_id: Annotated[str, typer.Option("--object", help="Claim again an object that exists.")] = "",
    patient: Annotated[str, typer.Option(help="User name of the patient it will measure.")] = "",
    hours: Annotated[int, typer.Option(help="How long the claim is good.", min=1, max=720)] = 24,
    qr: Annotated[bool, typer.Option(help="Draw the QR code in the terminal.")] = True,
    data: DataOption = None,
    keys: KeysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a claim, as text and QR: whoever holds it enrols this one object, once.

    Example: egide fleet claim --model "Glucose reader GX" --patient jy3k6vd2m5q7tnca

    Exit codes: 0 printed, 1 refused, 2 usage or settings.
    """
    setup(data, keys)
    from egide.cloud.fleet.models import Trust
    from egide.cloud.fleet.service import create_claim, create_object, pair
    from egide.cloud.people.service import find

    if bool(model) == bool(object_id):
        raise typer.BadParameter("give either --model for a new object, or --object for one that exists")
    to = find(patient) if patient else None
    owner = _object(object_id) if object_id else create_object(model, Trust.OBJECT, _now())
    if to is not None:
        pair(owner, to, _now())
    text = create_claim(owner, hours * 3_600_000, _now()).text()
    if as_json:
        typer.echo(json.dumps({"object": str(owner.pk), "claim": text}))
        return
    if qr and sys.stderr.isatty():
        import segno

        segno.make(text, error="m").terminal(out=sys.stderr, compact=True)
    words(f"egide: object {owner.pk}, good for {hours} h, once")
    typer.echo(text)


@fleet_app.command("pair")
def pair_object(
    object_id: Annotated[str, typer.Argument(help="The object's id.")],
    patient: Annotated[str, typer.Argument(help="User name of the patient.")],
    klass: Annotated[str, typer.Option("--class", help="care, or personal: what the patient may have erased.")] = "",
    study: Annotated[str, typer.Option(help="For research: the id of the patient's participation.")] = "",
    at: Annotated[str, typer.Option("--at", help="Id of the establishment whose key seals what it measures.")] = "",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """From now on, this object measures this patient. The object learns a random id, not whom.

    What it measures is sealed to the patient's record of one establishment and one class, each with its own key: as
    before for these two, else care, at the establishment that runs the platform.

    Example: egide fleet pair 5f1c… jy3k6vd2m5q7tnca --class personal

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cli.people import place
    from egide.cloud.fleet.service import pair
    from egide.cloud.governance.studies import pair_for_study
    from egide.cloud.people.service import find
    from egide.errors import RefusedError

    owner, to = _object(object_id), find(patient)
    if study:
        if klass not in ("", "research"):
            raise RefusedError("what measures for a study is of the research class")
        pairing = pair_for_study(owner, to, study, now_ms=_now(), establishment=place(at).pk)
    else:
        pairing = pair(owner, to, _now(), klass=klass or None, establishment=place(at).pk if at else None)
    typer.echo(str(pairing.uuid))


@fleet_app.command("unpair")
def unpair_object(
    object_id: Annotated[str, typer.Argument(help="The object's id.")], data: DataOption = None, keys: KeysOption = None
) -> None:
    """From now on, what this object measures is nobody's until it is paired again.

    Example: egide fleet unpair 5f1c…

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.fleet.models import Pairing
    from egide.cloud.fleet.service import unpair

    owner = _object(object_id)
    for pairing in Pairing.objects.filter(object=owner, until_ms=None):
        unpair(pairing, _now())
    words("egide: unpaired")


@fleet_app.command("revoke")
def revoke(
    object_id: Annotated[str, typer.Argument(help="The object's id.")],
    why: Annotated[str, typer.Option(help="One word: stolen, lost, replaced, retired.")] = "lost",
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Revoke an object: it is cut within seconds, and nothing it sends from now on is accepted.

    Example: egide fleet revoke 5f1c… --why stolen

    Exit codes: 0 done, 1 refused, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.fleet.service import revoke_object

    revoke_object(_object(object_id), why, _now())
    words("egide: revoked")


@fleet_app.command("list")
def list_objects(data: DataOption = None, keys: KeysOption = None, as_json: JsonOption = False) -> None:
    """List objects: id, model, whether enrolled, whether revoked.

    Example: egide fleet list --json

    Exit codes: 0 done, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.fleet.models import HealthObject

    rows = [
        {
            "object": str(o.pk),
            "model": o.model,
            "state": "revoked" if o.revoked_ms else "enrolled" if o.certificates.exists() else "declared",
        }
        for o in HealthObject.objects.order_by("created_ms").prefetch_related("certificates")
    ]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo(f"{row['object']}  {row['state']:9}  {row['model']}")


@fleet_app.command("witness")
def add_witness(
    url: Annotated[str, typer.Argument(help="Where the witness listens.")],
    vkey: Annotated[str, typer.Argument(help="Its key, as `egide witness` prints it.")],
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Ask a witness, from now on, to cosign every checkpoint.

    Example: egide fleet witness https://witness.example:8123 "witness.example+0a1b2c3d+BFAs…"

    Exit codes: 0 done, 1 not a witness's key, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.register.models import Witness
    from egide.errors import MalformedError
    from egide.trust.register.checkpoint import COSIGNATURE, VerifierKey

    key = VerifierKey.parse(vkey)
    if key.kind != COSIGNATURE or not url.startswith(("https://", "http://127.", "http://localhost", "http://[::1]")):
        raise MalformedError("a witness has a cosignature key (type 04) and an https address")
    Witness.objects.update_or_create(name=key.name, defaults={"url": url, "vkey": vkey})
    words(f"egide: witness {key.name} will be asked")


def anchors(
    vkeys: Annotated[bool, typer.Option("--vkeys", help="Instead, each log's vkey: what a witness is given.")] = False,
    data: DataOption = None,
    keys: KeysOption = None,
) -> None:
    """Print what an auditor pins (TOML): the CA root, the logs, the witnesses. Holds no secret.

    Example: egide anchors > anchors.toml

    Exit codes: 0 printed, 2 settings.
    """
    setup(data, keys)
    from egide.cloud.release.proof import platform_anchors

    pinned = platform_anchors()
    if vkeys:
        for log in pinned.logs:
            typer.echo(log.verifier.vkey)
    else:
        typer.echo(pinned.dump().decode(), nl=False)
