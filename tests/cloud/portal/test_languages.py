"""French is whole."""

from __future__ import annotations

import gettext
import re
from pathlib import Path

import pytest

import egide.cloud.portal
from tests.support.po import asked_for, read_po

PORTAL = Path(egide.cloud.portal.__file__).parent
FRENCH = PORTAL / "locale" / "fr" / "LC_MESSAGES"
PO = read_po((FRENCH / "django.po").read_text("utf-8"))
HOLE = re.compile(r"%\(\w+\)[sd]|%%")


def test_every_sentence_has_its_french() -> None:
    """What templates and code ask for is in the catalogue, and nothing there is empty or left over."""
    assert asked_for(PORTAL) - set(PO) == set()
    assert set(PO) - asked_for(PORTAL) == set()
    assert [msgid for msgid, forms in PO.items() if not all(forms)] == []


@pytest.mark.parametrize("msgid", sorted(PO))
def test_a_translation_has_the_same_holes(msgid: str) -> None:
    """No name or number is lost or invented on the way."""
    for form in PO[msgid]:
        assert set(HOLE.findall(form)) <= set(HOLE.findall(msgid)) | {"%(n)s"}
        assert set(HOLE.findall(msgid)) - {"%(n)s"} <= set(HOLE.findall(form))


def test_the_compiled_catalogue_is_the_source() -> None:
    """django.mo says what django.po says: compile it again (msgfmt) after a change."""
    with (FRENCH / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for msgid, forms in PO.items():
        if len(forms) == 1:
            assert compiled.gettext(msgid) == forms[0]
        else:
            assert [compiled.ngettext(msgid, "", n) for n in (1, 2)] == forms


def test_french_typography() -> None:
    """A space that does not break before double signs, and the curved apostrophe."""
    for forms in PO.values():
        for form in forms:
            assert not re.search(r"[^\u202f\u00a0\w/][?!;]|[^\u00a0\u202f]:(?!//)(?!\w)|'", form), form
