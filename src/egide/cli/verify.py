"""`egide verify`: check a proof file on one's own machine, with no network, no server and no database.

Exit codes: 0 proved; 1 the proof does not hold (the step that failed is said); 2 wrong usage, or a file that
cannot be read; 3 consistent, but not anchored (no --trust), or not witnessed where --witnessed asks for it.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from egide.cli.errors import say_error, words
from egide.cli.language import Lang, system_lang, time_text
from egide.cli.verify_consent import MEANINGS as CONSENT_MEANINGS
from egide.cli.verify_consent import consent_json, consent_lines
from egide.errors import EgideError, ProofError, UnreadableError
from egide.measure.catalogue import names
from egide.trust.anchors import Anchors
from egide.trust.evidence import ProvedSeries, Report, verify_evidence
from egide.trust.grant import ConsentReport, is_consent_proof, verify_consent_proof
from egide.trust.limits import LIMITS

__all__ = ["MEANINGS", "NOT_ANCHORED", "TEXTS", "Lang", "verify"]

NOT_ANCHORED: Final = 3
_SHOWN: Final = 12  # readings of one metric that are printed; --json prints all


TEXTS: Final[dict[Lang, dict[str, Any]]] = {
    Lang.EN: {
        "proved": "PROVED. The object, its authority and the register are those that you trust.",
        "consistent": "CONSISTENT, NOT ANCHORED. The file agrees with itself; its keys may be anyone's.",
        "object": "Object", "trust": "Trust level", "pairing": "Pairing", "clock": "Object's clock",
        "clock-set": "set by a trusted time", "clock-free": "not set by a trusted time",
        "correction": "Correction", "received": "Received", "flags": "Flags", "register": "Register",
        "entry": "entry {index} of {size} in {origin}", "checkpoint": "Checkpoint",
        "head": "size {size}, root {root}", "witnesses": "Witnesses", "unwitnessed": "not witnessed",
        "seen": "{name}, {time}", "trusted": "trusted", "unknown": "not in your anchors: not counted",
        "made": "Proof made", "by": "{time} by the platform {uri}", "steps": "Steps passed",
        "signed": "signed", "corrected": "corrected", "doubt": "doubtful: {code}",
        "more": "... {count} more, all in --json ...", "of": "{level} of 5, {name}",
        "levels": (
            "entered by hand", "attested by a system", "attested by a gateway", "signed by the object",
            "signed in the object's secure hardware",
        ),
        "revocation": "Revocation is not known offline: the register accepted this envelope when it arrived.",
        "not-anchored": "consistent, not anchored: nothing here says whose keys these are",
        "not-anchored-hint": "give --trust with the anchors that you received at enrolment",
        "not-witnessed": "consistent, but no witness that you trust cosigned the checkpoint",
        "not-witnessed-hint": "download the proof again later, or ask for anchors that name a witness",
    },
    Lang.FR: {
        "proved": "PROUVÉ. L'objet, son autorité et le registre sont ceux auxquels vous faites confiance.",
        "consistent": "COHÉRENT, NON ANCRÉ. Rien ne se contredit, mais rien ne dit à qui sont ces clés.",
        "object": "Objet", "trust": "Confiance", "pairing": "Appairage", "clock": "Horloge de l'objet",
        "clock-set": "réglée par une heure de confiance",
        "clock-free": "non réglée par une heure de confiance",
        "correction": "Correction", "received": "Reçu", "flags": "Marques", "register": "Registre",
        "entry": "entrée {index} sur {size} dans {origin}", "checkpoint": "Point de contrôle",
        "head": "taille {size}, racine {root}", "witnesses": "Témoins", "unwitnessed": "sans témoin",
        "seen": "{name}, {time}", "trusted": "de confiance", "unknown": "hors de vos ancres : ne compte pas",
        "made": "Preuve faite", "by": "{time} par la plateforme {uri}", "steps": "Étapes passées",
        "signed": "signé", "corrected": "corrigé", "doubt": "douteux : {code}",
        "more": "... {count} autres, toutes avec --json ...", "of": "{level} sur 5, {name}",
        "levels": (
            "saisi à la main", "attesté par un système", "attesté par une passerelle", "signé par l'objet",
            "signé dans le matériel sécurisé de l'objet",
        ),
        "revocation": "Révocation inconnue hors ligne : le registre a admis cette enveloppe à son arrivée.",
        "not-anchored": "cohérent, non ancré : rien ici ne dit à qui sont ces clés",
        "not-anchored-hint": "donnez --trust avec les ancres reçues à l'enrôlement",
        "not-witnessed": "cohérent, mais aucun témoin de confiance n'a cosigné le point de contrôle",
        "not-witnessed-hint": "téléchargez la preuve plus tard, ou demandez des ancres qui nomment un témoin",
    },
}
#: What each step means when it fails, for a person.
MEANINGS: Final[dict[Lang, dict[str, str]]] = {
    Lang.EN: {
        "1": "this is not a proof file, or it was altered",
        "2": "the object's certificate does not fit, or comes from an authority that you do not trust",
        "3": "the object did not sign these readings",
        "4": "the register is not one that you trust",
        "5": "the register did not sign for this envelope",
        "6": "the register did not sign this checkpoint",
        "7": "the checkpoint does not continue what the receipt saw",
        "8": "a witness's signature does not hold",
        "9": "what the platform says does not fit what the object signed",
        "10": "the platform did not sign this file as it is",
        "11": "the file is not written in its only form",
    },
    Lang.FR: {
        "1": "ce n'est pas un fichier de preuve, ou il a été modifié",
        "2": "le certificat de l'objet ne convient pas, ou son autorité n'est pas une des vôtres",
        "3": "l'objet n'a pas signé ces mesures",
        "4": "le registre n'est pas un de ceux auxquels vous faites confiance",
        "5": "le registre n'a pas signé pour cette enveloppe",
        "6": "le registre n'a pas signé ce point de contrôle",
        "7": "le point de contrôle ne continue pas ce que le reçu a vu",
        "8": "la signature d'un témoin ne tient pas",
        "9": "ce que dit la plateforme ne s'accorde pas avec ce que l'objet a signé",
        "10": "la plateforme n'a pas signé ce fichier tel qu'il est",
        "11": "le fichier n'est pas écrit dans sa seule forme",
    },
}


def verify(
    file: Annotated[Path, typer.Argument(help="The proof file, as downloaded.", show_default=False)],
    trust: Annotated[
        Path | None,
        typer.Option(help="The anchors: CA root, logs and witnesses that you trust (received at enrolment)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    lang: Annotated[Lang | None, typer.Option(help="Language of the text; else the system's.")] = None,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="Require the cosignature of a witness that the anchors name.")
    ] = False,
) -> None:
    """Check a proof file: who measured what and when, or who agreed to what; that nothing was changed since.

    Nothing is sent and nothing is asked: no network, no server.

    Exit codes: 0 proved; 1 the proof does not hold, and the step that failed is said; 2 wrong usage, or a
    file that cannot be read; 3 consistent, but not anchored (or not witnessed, with --witnessed).

    Example: egide verify evidence.cbor --trust anchors.toml
    """
    spoken = lang or system_lang()
    texts = TEXTS[spoken]
    report: Report | ConsentReport
    anchors = _read_anchors(trust) if trust is not None else None
    data = _read(file, LIMITS.evidence)
    of_consent = is_consent_proof(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a certificate that a library frowns at is refused
            check = verify_consent_proof if of_consent else verify_evidence
            report = check(data, anchors, at=datetime.now(UTC))
    except ProofError as err:
        if as_json:
            print(json.dumps({"verdict": "invalid", "step": err.step, "code": err.code}))
        say_error(err)
        meanings = CONSENT_MEANINGS if of_consent else MEANINGS
        words(f"egide: {meanings[spoken][err.step.split()[0]]}")
        raise typer.Exit(1) from err
    if as_json:
        said = consent_json(report) if isinstance(report, ConsentReport) else _as_json(report)
        print(json.dumps(said, ensure_ascii=False, indent=2))
    elif isinstance(report, ConsentReport):
        print("\n".join(consent_lines(report, spoken)))
    else:
        print("\n".join(_lines(report, texts, spoken)))
    if not report.anchored or (witnessed and not report.witnessed):
        missing = "not-witnessed" if report.anchored else "not-anchored"
        words(f"egide: {missing}: {texts[missing]}")
        words(f"egide: hint: {texts[f'{missing}-hint']}")
        raise typer.Exit(NOT_ANCHORED)


def _read(path: Path, limit: int) -> bytes:
    """At most one byte more than `limit`, which the verifier then refuses. Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as err:
        raise UnreadableError(f"{path.name or path} cannot be read") from err


def _read_anchors(path: Path) -> Anchors:
    data = _read(path, LIMITS.anchors)
    try:
        return Anchors.load(data)
    except EgideError as err:
        raise UnreadableError(f"{path.name} does not hold anchors: {err}") from err


def _lines(report: Report, texts: dict[str, Any], lang: Lang) -> Iterator[str]:
    yield texts["proved" if report.anchored else "consistent"]
    yield ""
    for series in report.series:
        yield from _series_lines(series, texts, lang)
    yield ""
    level = texts["of"].format(level=report.trust, name=texts["levels"][report.trust - 1])
    entry = texts["entry"].format(
        index=report.register_index, size=report.register_size, origin=report.log_origin
    )
    root = base64.b64encode(report.checkpoint_root).decode()
    rows = [
        ("object", f"{report.model}, {report.object_uri}"),
        ("trust", level),
        ("pairing", report.pairing_uri),
        ("clock", texts["clock-set" if report.synchronised else "clock-free"]),
        ("correction", f"{report.correction_ms / 1000:+.3f} s"),
        ("received", time_text(report.received_ms)),
        ("flags", ", ".join(report.flags)),
        ("register", entry),
        ("checkpoint", texts["head"].format(size=report.checkpoint_size, root=root)),
        *(("witnesses", text) for text in _witness_texts(report, texts)),
        ("made", texts["by"].format(time=time_text(report.made_ms), uri=report.platform_uri)),
        ("steps", f"{len(report.steps)}"),
    ]
    wide = max(len(texts[name]) for name, _ in rows) + 2
    yield from (f"{texts[name]:<{wide}}{text}" for name, text in rows if text)
    yield ""
    yield texts["revocation"]


def _witness_texts(report: Report, texts: dict[str, Any]) -> list[str]:
    lines = []
    for witness in report.witnesses:
        line = texts["seen"].format(name=witness.name, time=time_text(witness.cosigned_s * 1000))
        if report.anchored:
            line += f" ({texts['trusted' if witness.anchored else 'unknown']})"
        lines.append(line)
    return lines or [texts["unwitnessed"]]


def _series_lines(series: ProvedSeries, texts: dict[str, Any], lang: Lang) -> Iterator[str]:
    name = names(series.code, lang.value)
    yield f"{name} ({series.code})" if name != series.code else name
    shown = series.readings[:_SHOWN]
    width = max(len(str(reading.value)) for reading in shown)
    for reading in shown:
        line = (
            f"  {reading.value!s:>{width}} {series.unit}   {texts['signed']} {time_text(reading.signed_ms)}"
            f"   {texts['corrected']} {time_text(reading.corrected_ms)}"
        )
        yield line + (f"   {texts['doubt'].format(code=reading.doubt)}" if reading.doubt else "")
    if hidden := len(series.readings) - len(shown):
        yield f"  {texts['more'].format(count=hidden)}"


def _as_json(report: Report) -> dict[str, Any]:
    """Values are texts, so that 36.50 stays 36.50."""
    return {
        "verdict": "proved" if report.anchored else "consistent",
        "anchored": report.anchored,
        "witnessed": report.witnessed,
        "object": {
            "uri": report.object_uri, "model": report.model, "clock_synchronised": report.synchronised
        },
        "pairing": report.pairing_uri,
        "platform": report.platform_uri,
        "trust": report.trust,
        "flags": list(report.flags),
        "sequence": report.seq,
        "correction_ms": report.correction_ms,
        "received": time_text(report.received_ms),
        "made": time_text(report.made_ms),
        "series": [
            {
                "code": series.code,
                "unit": series.unit,
                "readings": [
                    {
                        "value": str(reading.value),
                        "signed": time_text(reading.signed_ms),
                        "corrected": time_text(reading.corrected_ms),
                        "doubt": reading.doubt or None,
                    }
                    for reading in series.readings
                ],
            }
            for series in report.series
        ],
        "register": {
            "origin": report.log_origin, "uri": report.log_uri,
            "size": report.register_size, "index": report.register_index,
        },
        "checkpoint": {
            "size": report.checkpoint_size, "root": base64.b64encode(report.checkpoint_root).decode()
        },
        "witnesses": [
            {"name": witness.name, "time": time_text(witness.cosigned_s * 1000), "trusted": witness.anchored}
            for witness in report.witnesses
        ],
        "steps": list(report.steps),
        "revocation_checked": False,
    }
