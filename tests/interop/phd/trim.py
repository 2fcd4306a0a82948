"""Make definitions.json again from the built profiles of HL7's Personal Health Devices guide, unpacked.

    python -m tests.interop.phd.trim path/to/profiles

As tests/interop/r4/trim.py does: of each profile what a validator reads, and the code lists of required bindings.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.interop.r4.trim import code_lists, load, trim_element

PROFILES = (
    "PhdBaseObservation", "PhdNumericObservation", "PhdCompoundObservation", "PhdCompoundNumericObservation",
    "PhdRtsaObservation",
)  # fmt: skip


def main(folder: Path) -> None:
    structures: dict[str, Any] = {}
    for name in PROFILES:
        source = load(folder / f"StructureDefinition-{name}.json")
        elements = [trim_element(e) for e in source["snapshot"]["element"]]
        structures[source["url"]] = {"type": source["type"], "kind": source["kind"], "elements": elements}
    lists = code_lists(folder, structures)
    text = json.dumps({"structures": structures, "valueSets": lists}, sort_keys=True, separators=(",", ":"))
    Path(__file__).with_name("definitions.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
