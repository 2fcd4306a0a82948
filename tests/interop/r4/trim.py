"""Make definitions.json again from HL7's package hl7.fhir.r4.core 4.0.1 (CC0-1.0), unpacked.

    python tests/interop/r4/trim.py path/to/package

Only what is needed to judge our resources is kept: the structures they reach, of each element what a
validator reads, and the code lists of required bindings. Nothing kept is changed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BASE = "http://hl7.org/fhir/StructureDefinition/"
ROOTS = (
    "Observation", "Bundle", "Device", "Provenance", "CapabilityStatement", "OperationOutcome", "Patient",
    "Practitioner", "PractitionerRole", "Organization", "RelatedPerson", "CareTeam", "DeviceMetric", "Consent", "Group",
    "AuditEvent", "Parameters", "DocumentReference", "Binary",
    "vitalsigns", "bp", "heartrate", "resprate", "bodytemp", "bodyweight", "bodyheight", "bmi", "oxygensat",
)  # fmt: skip
KEPT = ("id", "path", "min", "max", "contentReference", "slicing", "binding", "constraint", "type")


def trim_element(element: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in element.items() if k in KEPT or k.startswith(("fixed", "pattern"))}
    if "binding" in kept:
        kept["binding"] = {k: v for k, v in kept["binding"].items() if k in ("strength", "valueSet")}
    if "constraint" in kept:
        kept["constraint"] = [
            {k: c[k] for k in ("key", "severity", "human", "expression") if k in c}
            for c in kept["constraint"]
        ]
    return kept


def types_of(elements: list[dict[str, Any]]) -> Iterator[str]:
    for element in elements:
        for kind in element.get("type", []):
            if "/" not in kind["code"]:
                yield kind["code"]


def main(package: Path) -> None:
    structures: dict[str, Any] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        file = package / f"StructureDefinition-{name}.json"
        if BASE + name in structures or not file.is_file():
            continue
        source = json.loads(file.read_text("utf-8"))
        elements = [trim_element(e) for e in source["snapshot"]["element"]]
        structures[BASE + name] = {"type": source["type"], "kind": source["kind"], "elements": elements}
        waiting += [kind for kind in types_of(elements) if kind not in ("Resource", "Extension", "Reference")]
        waiting += ["Resource", "Reference"]
    lists = code_lists(package, structures)
    text = json.dumps({"structures": structures, "valueSets": lists}, sort_keys=True, separators=(",", ":"))
    Path(__file__).with_name("definitions.json").write_text(text + "\n", "utf-8")


def code_lists(package: Path, structures: dict[str, Any]) -> dict[str, list[list[str]]]:
    """value set -> [[system, code]], for the required bindings whose codes can all be listed."""
    sets = {r["url"]: r for r in map(load, package.glob("ValueSet-*.json"))}
    systems = {r["url"]: r for r in map(load, package.glob("CodeSystem-*.json"))}
    wanted = {
        element["binding"]["valueSet"].partition("|")[0]
        for structure in structures.values()
        for element in structure["elements"]
        if element.get("binding", {}).get("strength") == "required" and "valueSet" in element["binding"]
    }
    return {url: listed for url in sorted(wanted) if (listed := codes(url, sets, systems)) is not None}


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def codes(url: str, sets: dict[str, Any], systems: dict[str, Any]) -> list[list[str]] | None:
    if url not in sets:
        return None
    out: list[list[str]] = []
    for include in sets[url]["compose"]["include"]:
        if "concept" in include:
            out += [[include["system"], c["code"]] for c in include["concept"]]
            continue
        system = systems.get(include.get("system", ""))
        if (
            include.get("filter")
            or "valueSet" in include
            or not system
            or system.get("content") != "complete"
        ):
            return None
        out += [[include["system"], code] for code in walk(system.get("concept", []))]
    return sorted(out)


def walk(concepts: list[dict[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from walk(concept.get("concept", []))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
