"""Edges that one must see to understand or to act: 3:1 against what lies beside them, light and dark."""

from __future__ import annotations

import pytest

from tests.cloud.portal.test_assets import DARK, LIGHT, luminance

EDGES = [
    ("band-line", "card"), ("soft", "card"), ("soft", "paper"), ("accent", "card"), ("accent", "paper"),
    ("wait", "card"), ("danger", "card"), ("morning", "card"), ("evening", "card"),
]  # fmt: skip


@pytest.mark.parametrize(("edge", "ground"), EDGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_edge_stands_out(theme: str, edge: str, ground: str) -> None:
    """Fields, focus, curves, a target range (WCAG 2.2, 1.4.11)."""
    colours = LIGHT if theme == "light" else {**LIGHT, **DARK}
    low, high = sorted((luminance(colours[edge]), luminance(colours[ground])))
    assert (high + 0.05) / (low + 0.05) >= 3
