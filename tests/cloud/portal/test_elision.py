"""A French sentence takes a name as one says it, and an English one is left alone."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.utils.translation import override

from egide.cloud.portal.elision import elided


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("le dossier de Alice Martin", "le dossier d’Alice Martin"),
        ("De Élodie", "D’Élodie"),
        ("de Œdipe", "d’Œdipe"),
        ("ce que Inès a mesuré", "ce qu’Inès a mesuré"),
        ("lorsque Ugo", "lorsqu’Ugo"),
        ("de Yves et de Yvonne, de Yann", "d’Yves et d’Yvonne, de Yann"),
        ("de Hélène et de Henri, de Hamid et de Hans", "d’Hélène et d’Henri, de Hamid et de Hans"),
        ("une personne de Hôpital du Parc", "une personne d’Hôpital du Parc"),
        ("de Ouarda, de onze", "de Ouarda, de onze"),
        ("de Bob, que Diane", "de Bob, que Diane"),
        ("de <b>Alice</b>", "d’<b>Alice</b>"),
        ("de «\u00a0Alice\u00a0»", "d’«\u00a0Alice\u00a0»"),
        ("le code Alice, vide Alice, monde Alice", "le code Alice, vide Alice, monde Alice"),
        ("depuis de 5 à 7", "depuis de 5 à 7"),
        ("", ""),
    ],
)
def test_the_word_before_a_vowel_loses_its_e(said: str, written: str) -> None:
    """Silent h and the vowel y too; what is said with a breath stays; a word that only ends in de is none."""
    assert elided(said) == written
    assert elided(written) == written


@pytest.mark.parametrize(("language", "written"), [("fr", "suivi d’Ana &lt;b&gt;"), ("en", "suivi de Ana &lt;b&gt;")])
def test_a_page_elides_in_french_alone_and_stays_escaped(language: str, written: str) -> None:
    """Of the sentence as it is shown."""
    page = Template("{% load egide %}{% filter elide %}suivi de {{ name }}{% endfilter %}")
    with override(language):
        assert page.render(Context({"name": "Ana <b>"})) == written
