"""The report as one HTML page that needs nothing else: no script, no font, no address to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from egide.prove.registry import Result

__all__ = ["html_report"]

_STYLE: Final = """
:root{color-scheme:light dark;--ok:#1a6b3c;--bad:#b3261e;--line:#d5d9de;--ink:#1b2127;--soft:#57606a;--page:#fff}
@media (prefers-color-scheme:dark){
:root{--ok:#7fd6a3;--bad:#ffb4ab;--line:#39424b;--ink:#e9edf1;--soft:#a9b4be;--page:#14181c}}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;
color:var(--ink);background:var(--page)}
h1{font-size:1.6rem;line-height:1.2}article{border-top:1px solid var(--line);padding:1rem 0}
h2{font-size:1.05rem;margin:0 0 .25rem}p{margin:.25rem 0}.fr,.who{color:var(--soft)}
.held{color:var(--ok);font-weight:600}.failed{color:var(--bad);font-weight:600}ul{margin:.5rem 0;padding-left:1.2rem}
li{overflow-wrap:anywhere}
"""


def html_report(results: Sequence[Result]) -> str:
    """One page: the sum first, then each claim with what was tried and what happened."""
    held = sum(r.held for r in results)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Egide: {held} of {len(results)} claims held</title><style>{_STYLE}</style>",
        f"<h1>{held} of {len(results)} claims held under attack</h1>",
        "<p>Each attack ran for real against a platform started for it. "
        "<span lang=fr class=fr>Chaque attaque a été menée pour de vrai contre une plateforme lancée pour cela."
        "</span></p>",
    ]
    parts += [_article(result) for result in results]
    return "".join(parts) + "</html>\n"


def _article(result: Result) -> str:
    one = result.attack
    word = "<span class=held>&#10003; held</span>" if result.held else "<span class=failed>&#10007; failed</span>"
    lines = "".join(f"<li>{escape(line)}" for line in result.happened)
    breach = f"<p class=failed>{escape(result.breach)}</p>" if result.breach else ""
    needs = f" &middot; {escape(', '.join(one.needs))}" if one.needs else ""
    return (
        f"<article id='{escape(one.name)}'><h2>{escape(one.claim)} {word}</h2>"
        f"<p class=fr lang=fr>{escape(one.claim_fr)}</p>"
        f"<p class=who>attacker: {escape(one.attacker)}{needs} &middot; {result.seconds:.1f} s</p>"
        f"<ul>{lines}</ul>{breach}</article>"
    )
