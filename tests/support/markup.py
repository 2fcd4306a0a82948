"""Whether pages are valid HTML, as html-validate (tests/browser/vendor, run by node) and a rule of ours judge it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["NODE", "invalid"]

NODE: Final = shutil.which("node")
_JUDGE: Final = Path(__file__).parents[1] / "browser" / "vendor" / "html-validate.min.cjs"
#: An attribute that no specification knows: HTML leaves `data-` to everybody, and ARIA has its own names.
_STRANGER: Final = re.compile(r"<[a-z][^<>]*?\s((?!data-|aria-)(?:hx|x|v|ng|on)-[a-z-]+)=")


def invalid(pages: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with each page, by its name; a page without a fault is not there."""
    command, told = [NODE or "node", str(_JUDGE)], json.dumps(dict(pages))
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, list[str]] = json.loads(done.stdout)
    strangers = {name: [f"no such attribute: {a}" for a in _STRANGER.findall(html)] for name, html in pages.items()}
    return {name: wrong for name in pages if (wrong := found[name] + strangers[name])}
