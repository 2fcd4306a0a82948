"""Setting a document as PDF: accessible (PDF/UA-1, tagged, in its language), in our own open font, with nothing else.

The text comes as data, never as markup: what a person wrote cannot become a command of the typesetter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import as_file, files
from typing import Any, Final

import typst

from egide.errors import UnavailableError

__all__ = ["set_document"]

_FOLDER: Final = files(__package__)
_REGIONS: Final = {"fr": "FR", "en": "GB"}


def set_document(
    template: str, data: Mapping[str, Any], *, lang: str, now_ms: int, attached: Mapping[str, bytes] | None = None
) -> bytes:
    """A PDF of `documents/<template>.typ` with `data`; the same bytes for the same arguments.

    `attached`: files by their names, embedded by the templates that take some.

    Raises:
        UnavailableError: the typesetter refused.
    """
    files_in = [{"name": name, "bytes": list(attached[name])} for name in sorted(attached)] if attached else []
    sources: Any = {  # files by name: the stub knows paths only
        "main.typ": _FOLDER.joinpath(f"documents/{template}.typ").read_bytes(),
        "common.typ": _FOLDER.joinpath("documents/common.typ").read_bytes(),
        "data.json": json.dumps({**data, "lang": lang, "region": _REGIONS[lang], "attached": files_in}).encode(),
    }
    try:
        with as_file(_FOLDER.joinpath("fonts")) as fonts:
            made = typst.compile(
                sources, format="pdf", font_paths=[str(fonts)], ignore_system_fonts=True, pdf_standards=["ua-1"],
                timestamp=now_ms // 1000,
            )  # fmt: skip
    except (typst.TypstError, RuntimeError, ValueError) as err:
        raise UnavailableError("a document could not be set") from err
    if not isinstance(made, bytes):
        raise UnavailableError("a document could not be set")
    return made
