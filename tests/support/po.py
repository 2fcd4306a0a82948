"""Read a gettext catalogue's source (.po), and what a folder of templates and code asks to be translated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

#: msgid -> the translations, one per plural form
Catalogue = dict[str, list[str]]
_CALLS = {"gettext", "gettext_noop", "gettext_lazy", "ngettext", "_"}
_STRING = r'u?"((?:[^"\\]|\\.)*)"|u?\'((?:[^\'\\]|\\.)*)\''
_CALL = re.compile(rf"\b(?:gettext|ngettext|_)\s*\(\s*(?:{_STRING})", re.DOTALL)


def read_po(text: str) -> Catalogue:
    """Every entry but the header. Raises ValueError on a line of another form."""
    found: Catalogue = {}
    msgid, forms, into = "", [""], ""
    for line in [*text.splitlines(), 'msgid ""']:
        if not line.strip() or line.startswith("#"):
            continue
        keyword, quoted = line.split('"', 1)
        keyword, value = keyword.strip(), ast.literal_eval('"' + quoted)
        if keyword == "msgid":
            if msgid:
                found[msgid] = forms
            msgid, forms, into = value, [], "msgid"
        elif keyword == "msgid_plural":
            into = "plural"
        elif keyword.startswith("msgstr"):
            forms.append(value)
            into = "msgstr"
        elif keyword == "" and into == "msgid":
            msgid += value
        elif keyword == "" and into == "msgstr":
            forms[-1] += value
        elif keyword != "":
            raise ValueError(line)
    return found


def asked_for(folder: Path) -> set[str]:
    """Every msgid that the templates and the code under `folder` ask for."""
    asked: set[str] = set()
    for path in sorted(folder.rglob("*.html")):
        for double, single in _CALL.findall(templatize(path.read_text("utf-8"), origin=path.name)):
            asked.add(ast.literal_eval(f'"{double}"' if double else f"'{single}'"))
    for path in sorted(folder.rglob("*.py")):
        asked.update(_in_code(path))
    return asked


def _in_code(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
