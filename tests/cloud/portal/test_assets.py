"""What pages load."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.test import Client

import egide.cloud.portal

STATIC = Path(egide.cloud.portal.__file__).parent / "static" / "portal"
CSS = (STATIC / "portal.css").read_text("utf-8")
_THEMES = re.findall(r":root\{(.*?)\}", CSS, re.DOTALL)
LIGHT, DARK = (dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", theme)) for theme in _THEMES)
TEXT_ON = [
    ("ink", "paper"), ("ink", "card"), ("ink", "tint"), ("soft", "paper"), ("soft", "card"), ("soft", "tint"),
    ("accent", "paper"), ("accent", "card"), ("accent", "tint"), ("accent-ink", "accent"), ("wait", "wait-bg"),
    ("wait", "card"), ("good", "card"),
]  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("ink", "ground"), TEXT_ON)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_their_ground(theme: str, ink: str, ground: str) -> None:
    """4.5:1 at least, in light and dark."""
    colours = LIGHT if theme == "light" else {**LIGHT, **DARK}
    low, high = sorted((luminance(colours[ink]), luminance(colours[ground])))
    assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("name", ["htmx.min.js", "echarts.portal.min.js"])
def test_a_compressed_file_is_its_source(name: str) -> None:
    """The .gz that browsers get is the file that can be read."""
    source = STATIC / "vendor" / name
    assert gzip.decompress(source.with_name(f"{name}.gz").read_bytes()) == source.read_bytes()


def test_every_part_of_others_has_its_licence() -> None:
    """The table of vendor/README.md names each file and a licence that is there."""
    readme = (STATIC / "vendor" / "README.md").read_text("utf-8")
    for path in (STATIC / "vendor").iterdir():
        if path.suffix in (".js", ".woff2"):
            assert f"| {path.name} |" in readme
    for name in re.findall(r"[\w-]+\.txt", readme):
        assert (STATIC / "vendor" / "licences" / name).is_file()


def test_our_own_files_ask_nobody_else() -> None:
    """No address of another site in styles, scripts or drawings."""
    for path in (STATIC / "portal.css", STATIC / "portal.js", STATIC / "marks.svg", STATIC / "icon.svg"):
        assert not re.search(r"https?://(?!www\.w3\.org/)", path.read_text("utf-8")), path.name


def test_every_mark_has_its_drawing() -> None:
    """Each shape that words name is in the sprite."""
    words = (STATIC.parent.parent / "words.py").read_text("utf-8")
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "marks.svg").read_text("utf-8")))
    assert {"t1", "t2", "t3", "t4", "t5", "q-fine", "q-doubt"} | {
        f"q-{f}" for f in ("contested", "late", "clock", "held")
    } == drawn
    assert "q-doubt" in words


def test_static_files_are_served_compressed_and_only_to_us(db: None) -> None:
    """The browser's own compression is used; no other origin may read them."""
    answer = Client().get("/static/portal/vendor/htmx.min.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == (STATIC / "vendor" / "htmx.min.js").read_bytes()
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert Client().get("/static/portal/../settings.py").status_code == 404
