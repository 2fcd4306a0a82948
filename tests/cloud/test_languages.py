"""French is whole."""

from __future__ import annotations

import gettext
import re
from pathlib import Path

import pytest
from django.utils.translation import gettext as translate
from django.utils.translation import override

import egide.cloud
from tests.support.po import asked_for, read_po

#: every part of the cloud that has screens has its own catalogue
APPS = sorted(path.parent for path in Path(egide.cloud.__file__).parent.glob("*/locale"))
PO = {app: read_po((app / "locale/fr/LC_MESSAGES/django.po").read_text("utf-8")) for app in APPS}
ALL = sorted((app.name, msgid) for app in APPS for msgid in PO[app])
BY_NAME = {app.name: app for app in APPS}
each_app = pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
HOLE = re.compile(r"%\(\w+\)[sd]|%%")


def test_no_screen_is_without_a_catalogue() -> None:
    """Whoever asks for a translation has a folder for it."""
    without = [p for p in Path(egide.cloud.__file__).parent.iterdir() if p.is_dir() and p not in APPS and asked_for(p)]
    assert without == []


@each_app
def test_every_sentence_has_its_french(app: Path) -> None:
    """What templates and code ask for is in the catalogue, and nothing there is empty or left over."""
    assert asked_for(app) - set(PO[app]) == set()
    assert set(PO[app]) - asked_for(app) == set()
    assert [msgid for msgid, forms in PO[app].items() if not all(forms)] == []


@pytest.mark.parametrize(("app", "msgid"), ALL)
def test_a_translation_has_the_same_holes(app: str, msgid: str) -> None:
    """No name or number is lost or invented on the way."""
    for form in PO[BY_NAME[app]][msgid]:
        assert set(HOLE.findall(form)) <= set(HOLE.findall(msgid)) | {"%(n)s"}
        assert set(HOLE.findall(msgid)) - {"%(n)s"} <= set(HOLE.findall(form))


@each_app
def test_the_compiled_catalogue_is_the_source(app: Path) -> None:
    """django.mo says what django.po says: compile it again (msgfmt) after a change."""
    with (app / "locale/fr/LC_MESSAGES/django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for msgid, forms in PO[app].items():
        if len(forms) == 1:
            assert compiled.gettext(msgid) == forms[0]
        else:
            assert [compiled.ngettext(msgid, "", n) for n in (1, 2)] == forms


def test_one_sentence_has_one_french() -> None:
    """Catalogues are read as one: of two translations of a sentence, some pages would show the other's."""
    said: dict[str, set[tuple[str, ...]]] = {}
    for app in APPS:
        for msgid, forms in PO[app].items():
            said.setdefault(msgid, set()).add(tuple(forms))
    assert {msgid: forms for msgid, forms in said.items() if len(forms) > 1} == {}


@each_app
def test_french_typography(app: Path) -> None:
    """A space that does not break before double signs, and the curved apostrophe."""
    for forms in PO[app].values():
        for form in forms:
            assert not re.search(r"[^\u202f\u00a0\w/][?!;]|[^\u00a0\u202f]:(?!//)(?!\w)|'", form), form


@pytest.mark.parametrize(("msgid", "app"), [("End it", "portal"), ("Opened", "ward"), ("Object", "portal")])
def test_a_word_of_two_meanings_is_not_said_in_another_app_s_sense(msgid: str, app: str) -> None:
    """Django makes one catalogue of all: of one English text, one French is shown, wherever it stands."""
    with override("fr"):
        assert translate(msgid) == PO[BY_NAME[app]][msgid][0]
    assert [name for name, path in BY_NAME.items() if msgid in PO[path]] == [app]
