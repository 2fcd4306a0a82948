"""The CA's files are read as what they should be, or the process is told which is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from egide.cloud.fleet import ca
from egide.cloud.options import Options
from egide.errors import KeyMissingError


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("ca-root.pem", b"noise", ca.root_certificate),
        ("ca-issuing.pem", None, ca.issuing_certificate),
        ("ca-issuing.key", b"noise", ca.authority),
        ("ca-issuing.key", "platform.key", ca.authority),
    ],
)
def test_a_file_that_is_not_the_ca_s_is_named(
    opened: Options,
    settings: Settings,
    tmp_path: Path,
    name: str,
    content: bytes | str | None,
    read: Callable[[], object],
) -> None:
    """Noise, another kind of key, or nothing at all: the file is named, its content is not shown."""
    keys = tmp_path / "keys"
    shutil.copytree(opened.keys, keys)
    (keys / name).unlink()
    if content is not None:
        (keys / name).touch(0o600)
        (keys / name).write_bytes(content if isinstance(content, bytes) else (keys / content).read_bytes())
    settings.OPTIONS = replace(opened, keys=keys)
    for each in (ca.authority, ca.issuing_certificate, ca.root_certificate):
        each.cache_clear()
    with pytest.raises(KeyMissingError, match=name):
        read()
