"""`python -m bench`: measure what is claimed, print the table, rewrite docs/performance.md.

    python -m bench                             everything, about forty minutes; rewrites the page
    python -m bench --only people,release       some sections; prints, and leaves the page alone
    python -m bench --only intake --page        some sections; of the others the page keeps what it said, and when
    python -m bench --quick                     a minute or two, to see that it works; leaves the page alone

Exit codes: 0 every claim holds, 1 one does not or could not be measured, 2 usage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import machine
from bench.context import ROOT, Context, say
from bench.report import Section, page, terminal
from bench.sections import fhir, fhir_large, intake, million, people, release, whole_path
from bench.table import Row
from tests.support.postgres import PostgresMissingError, find_binaries

PAGE: Final = ROOT / "docs" / "performance.md"
SECTIONS: Final[dict[str, tuple[str, Callable[[Context], list[Row]]]]] = {
    "intake": ("Intake", intake.measure),
    "whole-path": ("The whole path, and the same road by other means", whole_path.measure),
    "million": ("A million envelopes", million.measure),
    "release": ("Release", release.measure),
    "fhir": ("FHIR", fhir.measure),
    "fhir-large": ("FHIR, with ten times the data", fhir_large.measure),
    "people": ("People at work, beside intake", people.measure),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, comma-separated: %(default)s")
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--page", action="store_true", help="rewrite the page although not everything is measured")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    began, start = datetime.now(UTC), time.monotonic()
    sections = []
    with tempfile.TemporaryDirectory(prefix="egide-bench-") as folder:
        context = Context(folder=Path(folder), quick=arguments.quick)
        for name in chosen:
            title, measure = SECTIONS[name]
            say(f"measuring {name}")
            how = sys.modules[measure.__module__].HOW
            sections.append(Section(title=title, how=how, rows=measure(context)))
    rows = [row for section in sections for row in section.rows]
    print(terminal(rows))
    for name in [n for n in SECTIONS if n not in chosen]:
        title, measure = SECTIONS[name]
        how = sys.modules[measure.__module__].HOW
        sections.append(Section(title=title, how=how, rows=[]))
    order = [title for title, _ in SECTIONS.values()]
    sections.sort(key=lambda section: order.index(section.title))
    if (set(chosen) == set(SECTIONS) or arguments.page) and not arguments.quick:
        took = time.monotonic() - start
        PAGE.write_text(page(sections, machine.describe(_postgres()), began, took, earlier=PAGE.read_text()))
        say(f"wrote {PAGE.relative_to(ROOT)}")
    return 1 if any(row.verdict in {"bad", "not measured"} for row in rows) else 0


def _postgres() -> str:
    try:
        return str(find_binaries())
    except PostgresMissingError:
        return ""


if __name__ == "__main__":
    raise SystemExit(main())
