"""What a command of the platform does first: name its folders, then load Django."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from egide.cloud.options import Options

__all__ = ["DataOption", "KeysOption", "setup"]

DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of everything that is kept (EGIDE_DATA).")]
KeysOption = Annotated[Path | None, typer.Option("--keys", help="Folder of keys, elsewhere (EGIDE_KEYS).")]


def setup(data: Path | None = None, keys: Path | None = None) -> Options:
    """Load the settings and Django; returns the settings. Raises ConfigError."""
    if data is not None:
        os.environ["EGIDE_DATA"] = str(data.absolute())
    if keys is not None:
        os.environ["EGIDE_KEYS"] = str(keys.absolute())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "egide.cloud.config.settings")
    from egide.cloud.options import load

    options = load()
    import django

    django.setup()
    return options
