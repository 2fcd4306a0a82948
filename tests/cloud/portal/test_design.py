"""The page of the parts: every one is shown, and it shows nothing of anybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

import egide.cloud.portal
from egide.cloud.portal.views.design import PARTS
from tests.support.cast import Cast

PORTAL = Path(egide.cloud.portal.__file__).parent
CSS = "".join((PORTAL / "static" / "portal" / name).read_text("utf-8") for name in ("portal.css", "parts.css"))


@pytest.fixture
def page(cast: Cast) -> str:
    return Client(headers={"accept-language": "en"}).get("/design").content.decode()


def test_every_part_is_on_the_page(page: str) -> None:
    """A part that nobody can look at is nobody's."""
    assert {path.stem for path in PARTS.glob("*.html")} == set(re.findall(r'<h2 id="d-([a-z]+)">', page)) - {
        "type", "marks", "buttons",
    }  # fmt: skip


def test_it_tells_nothing_of_anybody(page: str, cast: Cast) -> None:
    """The examples are invented; no account and no object is in it."""
    for secret in ("Alice", str(cast.alice.pk), str(cast.watch.row.pk), "Glucosense"):
        assert secret not in page


def test_every_class_of_the_parts_has_its_style() -> None:
    """No part leans on a style that is not there."""
    classes = set()
    for path in PARTS.glob("*.html"):
        for value in re.findall(r'class="([^"]*)"', path.read_text("utf-8")):
            classes |= set(re.sub(r"{[{%].*?[%}]}", " ", value).split())
    unstyled = {name for name in classes if not re.search(rf"\.{re.escape(name.rstrip('-'))}", CSS)}
    assert unstyled - {"mark-"} == set()
