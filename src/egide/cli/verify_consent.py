"""What `egide verify` says of a consent proof: who agreed to what, until when, and what no file can prove."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final

from egide.cli.language import Lang, time_text
from egide.trust.grant import WITHDRAWAL, Consent, ConsentReport

__all__ = ["LIMITS_OF_PROOF", "MEANINGS", "TEXTS", "consent_json", "consent_lines"]

TEXTS: Final[dict[Lang, dict[str, Any]]] = {
    Lang.EN: {
        "proved": "PROVED. The authority and the register are those that you trust.",
        "consistent": "CONSISTENT, NOT ANCHORED. The file agrees with itself; its keys may be anyone's.",
        "grant": "{signer} let {reader} see this.", "withdrawal": "{signer} took back what {reader} could see.",
        "research": "{signer} took part in research: {reader} may see this.",
        "patient": "Record of", "signer": "Signed by", "reader": "Reader", "families": "Metrics", "data": "Measured",
        "purpose": "Purpose", "until": "Until", "open": "no end but its withdrawal", "signed": "Signed", "id": "Grant",
        "from": "from {time}", "before": "before {time}", "always": "at any time", "previous": "Follows",
        "first": "nothing signed before", "where": "Signed at", "entered": "Entered", "enrolled": "Passkey enrolled",
        "retired": "Passkey retired", "register": "Register", "entry": "entry {index} of {size} in {origin}",
        "checkpoint": "Checkpoint", "head": "size {size}, root {root}", "witnesses": "Witnesses",
        "unwitnessed": "not witnessed", "seen": "{name}, {time}", "trusted": "trusted",
        "unknown": "not in your anchors: not counted", "made": "Proof made", "by": "{time} by the platform {uri}",
        "steps": "Steps passed", "shown": "The text that was signed (version {version}, {language}):",
        "readers": {"person": "person", "team": "team", "establishment": "establishment", "app": "program"},
        "warning": "Warning: ",
        "warnings": {
            "counter": "the passkey's counter did not grow since it was enrolled: its key may have been copied",
            "synced": "the passkey may lie on several devices of its holder",
        },
        "not-proved": "What this does not prove:",
    },
    Lang.FR: {
        "proved": "PROUVÉ. L'autorité et le registre sont ceux auxquels vous faites confiance.",
        "consistent": "COHÉRENT, NON ANCRÉ. Rien ne se contredit, mais rien ne dit à qui sont ces clés.",
        "grant": "{signer} a permis à {reader} de voir ceci.",
        "withdrawal": "{signer} a retiré ce que {reader} pouvait voir.",
        "research": "{signer} participe à une recherche : {reader} peut voir ceci.",
        "patient": "Dossier de", "signer": "Signé par", "reader": "Lecteur", "families": "Mesures",
        "data": "Mesuré", "purpose": "Finalité", "until": "Jusqu'au", "open": "sans autre fin que son retrait",
        "signed": "Signé le", "id": "Autorisation", "from": "à partir du {time}", "before": "avant le {time}",
        "always": "à tout moment", "previous": "Fait suite à", "first": "rien de signé avant", "where": "Signé sur",
        "entered": "Inscrit le", "enrolled": "Clé d'accès inscrite", "retired": "Clé d'accès retirée",
        "register": "Registre", "entry": "entrée {index} sur {size} dans {origin}",
        "checkpoint": "Point de contrôle", "head": "taille {size}, racine {root}", "witnesses": "Témoins",
        "unwitnessed": "sans témoin", "seen": "{name}, {time}", "trusted": "de confiance",
        "unknown": "hors de vos ancres : ne compte pas", "made": "Preuve faite",
        "by": "{time} par la plateforme {uri}", "steps": "Étapes passées",
        "shown": "Le texte qui a été signé (version {version}, {language}) :",
        "readers": {
            "person": "personne", "team": "équipe", "establishment": "établissement", "app": "programme"
        },
        "warning": "Attention : ",
        "warnings": {
            "counter": "le compteur de la clé d'accès n'a pas avancé depuis son inscription : elle a pu être copiée",
            "synced": "la clé d'accès se trouve peut-être sur plusieurs appareils de la personne",
        },
        "not-proved": "Ce que ceci ne prouve pas :",
    },
}
#: What no file can prove; said each time, before anyone relies on it.
LIMITS_OF_PROOF: Final[dict[Lang, dict[str, str]]] = {
    Lang.EN: {
        "screen": "what the screen displayed: only what the platform asked the passkey to sign",
        "coercion": "that nobody misled or coerced whoever signed",
        "person": "whose hand held the passkey: it recognised its holder, whom the platform had enrolled",
        "running": "that this grant still runs: a withdrawal is another entry of the register",
        "retired": "that the passkey had not been retired before: this file names no retirement",
        "deed": "on what ground somebody else than the patient signed",
    },
    Lang.FR: {
        "screen": "ce que l'écran affichait : seulement ce que la plateforme a demandé à la clé d'accès de signer",
        "coercion": "que personne n'a trompé ni contraint la personne qui a signé",
        "person": "quelle main tenait la clé d'accès : elle a reconnu la personne que la plateforme avait inscrite",
        "running": "que cette autorisation court encore : un retrait est une autre entrée du registre",
        "retired": "que la clé d'accès n'avait pas été retirée avant : ce fichier ne nomme aucun retrait de clé",
        "deed": "à quel titre une autre personne que le patient a signé",
    },
}  # fmt: skip
#: What each step means when it fails, for a person.
MEANINGS: Final[dict[Lang, dict[str, str]]] = {
    Lang.EN: {
        "1": "this is not a proof file, or it was altered",
        "2": "the passkey's enrolment does not hold, or comes from an authority that you do not trust",
        "3": "the passkey did not sign this text, here, with its holder present",
        "4": "the register's entry is about something else",
        "5": "the register is not one that you trust",
        "6": "the register did not sign this checkpoint",
        "7": "the register did not sign for these entries",
        "8": "the passkey was not in force when this was entered",
        "9": "a witness's signature does not hold",
        "10": "the platform did not sign this file as it is",
        "11": "the file is not written in its only form",
    },
    Lang.FR: {
        "1": "ce n'est pas un fichier de preuve, ou il a été modifié",
        "2": "l'inscription de la clé d'accès ne tient pas, ou son autorité n'est pas une des vôtres",
        "3": "la clé d'accès n'a pas signé ce texte, ici, en présence de la personne",
        "4": "l'entrée du registre porte sur autre chose",
        "5": "le registre n'est pas un de ceux auxquels vous faites confiance",
        "6": "le registre n'a pas signé ce point de contrôle",
        "7": "le registre n'a pas signé pour ces entrées",
        "8": "la clé d'accès n'était pas en vigueur quand ceci a été inscrit",
        "9": "la signature d'un témoin ne tient pas",
        "10": "la plateforme n'a pas signé ce fichier tel qu'il est",
        "11": "le fichier n'est pas écrit dans sa seule forme",
    },
}


def consent_lines(report: ConsentReport, lang: Lang) -> Iterator[str]:
    """The report, for a person."""
    texts, consent = TEXTS[lang], report.consent
    yield texts["proved" if report.anchored else "consistent"]
    yield ""
    yield texts[consent.kind].format(signer=consent.signer.name, reader=consent.reader.name)
    yield ""
    rows = [*_said(consent, texts), *_kept(report, texts)]
    wide = max(len(texts[name]) for name, _ in rows) + 2
    yield from (f"{texts[name]:<{wide}}{text}" for name, text in rows if text)
    yield ""
    yield texts["shown"].format(version=consent.shown.version, language=consent.shown.language)
    yield from (f"  | {line}".rstrip() for line in consent.shown.text.split("\n"))
    yield ""
    yield from (f"{texts['warning']}{texts['warnings'][name]}" for name in report.warnings)
    yield texts["not-proved"]
    yield from (f"  - {LIMITS_OF_PROOF[lang][name]}" for name in not_proved(report))


def not_proved(report: ConsentReport) -> list[str]:
    """Which limits apply to this file."""
    consent = report.consent
    names = ["screen", "coercion", "person"]
    if consent.kind != WITHDRAWAL:
        names.append("running")
    if report.retired_ms is None:
        names.append("retired")
    if consent.signer.uri != consent.patient.uri:
        names.append("deed")
    return names


def _said(consent: Consent, texts: dict[str, Any]) -> list[tuple[str, str]]:
    """What was signed."""
    until = texts["open"] if consent.until_ms is None else time_text(consent.until_ms)
    since, before = consent.period.since_ms, consent.period.until_ms
    data = [
        *([] if since is None else [texts["from"].format(time=time_text(since))]),
        *([] if before is None else [texts["before"].format(time=time_text(before))]),
    ]
    return [
        ("patient", f"{consent.patient.name}, {consent.patient.uri}"),
        ("signer", f"{consent.signer.name}, {consent.signer.uri}"),
        ("reader", f"{consent.reader.name} ({texts['readers'][consent.reader_kind]}), {consent.reader.uri}"),
        ("families", ", ".join(consent.families)),
        ("data", ", ".join(data) or texts["always"]),
        ("purpose", consent.purpose),
        ("until", until if consent.kind != WITHDRAWAL else ""),
        ("signed", time_text(consent.at_ms)),
        ("where", consent.place.origin),
        ("id", consent.grant),
        ("previous", consent.previous.hex() if consent.previous else texts["first"]),
    ]


def _kept(report: ConsentReport, texts: dict[str, Any]) -> list[tuple[str, str]]:
    """What the register holds of it."""
    entry = texts["entry"].format(
        index=report.register_index, size=report.register_size, origin=report.log_origin
    )
    root = base64.b64encode(report.checkpoint_root).decode()
    return [
        ("enrolled", time_text(report.enrolled_ms)),
        ("retired", "" if report.retired_ms is None else time_text(report.retired_ms)),
        ("entered", time_text(report.entered_ms)),
        ("register", entry),
        ("checkpoint", texts["head"].format(size=report.register_size, root=root)),
        *(("witnesses", text) for text in _witnesses(report, texts)),
        ("made", texts["by"].format(time=time_text(report.made_ms), uri=report.platform_uri)),
        ("steps", f"{len(report.steps)}"),
    ]


def _witnesses(report: ConsentReport, texts: dict[str, Any]) -> list[str]:
    lines = []
    for witness in report.witnesses:
        line = texts["seen"].format(name=witness.name, time=time_text(witness.cosigned_s * 1000))
        if report.anchored:
            line += f" ({texts['trusted' if witness.anchored else 'unknown']})"
        lines.append(line)
    return lines or [texts["unwitnessed"]]


def consent_json(report: ConsentReport) -> dict[str, Any]:
    """One object for programs."""
    consent = report.consent
    return {
        "verdict": "proved" if report.anchored else "consistent",
        "anchored": report.anchored,
        "witnessed": report.witnessed,
        "kind": consent.kind,
        "grant": consent.grant,
        "patient": {"uri": consent.patient.uri, "name": consent.patient.name},
        "signer": {"uri": consent.signer.uri, "name": consent.signer.name},
        "reader": {"kind": consent.reader_kind, "uri": consent.reader.uri, "name": consent.reader.name},
        "families": list(consent.families),
        "data": {"since": _time(consent.period.since_ms), "until": _time(consent.period.until_ms)},
        "purpose": consent.purpose,
        "until": _time(consent.until_ms),
        "signed": _time(consent.at_ms),
        "origin": consent.place.origin,
        "previous": consent.previous and consent.previous.hex(),
        "statement_sha256": hashlib.sha256(consent.encode()).hexdigest(),
        "shown": {
            "text": consent.shown.text, "version": consent.shown.version, "language": consent.shown.language
        },
        "passkey": {"enrolled": _time(report.enrolled_ms), "retired": _time(report.retired_ms)},
        "entered": _time(report.entered_ms),
        "platform": report.platform_uri,
        "made": _time(report.made_ms),
        "register": {
            "origin": report.log_origin, "uri": report.log_uri,
            "size": report.register_size, "index": report.register_index,
        },
        "checkpoint": {
            "size": report.register_size, "root": base64.b64encode(report.checkpoint_root).decode()
        },
        "witnesses": [
            {"name": witness.name, "time": _time(witness.cosigned_s * 1000), "trusted": witness.anchored}
            for witness in report.witnesses
        ],
        "warnings": list(report.warnings),
        "not_proved": not_proved(report),
        "steps": list(report.steps),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else time_text(ms)
