"""What the sources may use, found by a tool and not by eye: cryptography, and ways to write HTML from a script."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import egide

SOURCES: Final = Path(egide.__file__).parent
LIBRARIES: Final = frozenset({
    "cryptography", "fido2", "joserfc", "nacl", "pyhanko", "pyhanko_certvalidator", "asn1crypto", "hashlib", "hmac",
    "secrets",
})  # fmt: skip
#: Each folder that signs, seals, hashes or draws random values, and by what. A folder that begins to is added here, by
#: somebody who looked at what it does; docs/threats.md says what each key protects.
INVENTORY: Final = {
    "cli": "cryptography hashlib",
    "client": "joserfc secrets",
    "cloud/config": "cryptography hashlib secrets",
    "cloud/consent": "fido2 hashlib",
    "cloud/federation": "hashlib hmac joserfc secrets",
    "cloud/fhir": "hashlib",
    "cloud/fhir/writing": "cryptography hashlib hmac joserfc",
    "cloud/fleet": "cryptography hashlib hmac",
    "cloud/fleet/broker": "cryptography hashlib",
    "cloud/governance": "asn1crypto cryptography hashlib pyhanko pyhanko_certvalidator secrets",
    "cloud/intake": "cryptography hashlib",
    "cloud/keys": "cryptography hashlib hmac",
    "cloud/messages": "hmac",
    "cloud/people": "hashlib pyhanko",
    "cloud/portal": "fido2 hashlib",
    "cloud/register": "cryptography hashlib",
    "cloud/signin": "fido2 hashlib hmac secrets",
    "cloud/smart": "hashlib secrets",
    "cloud/upkeep": "cryptography hashlib",
    "cloud/vault": "hashlib hmac",
    "cloud/ward": "cryptography hashlib",
    "prove": "cryptography fido2 hashlib hmac secrets",
    "things": "cryptography hashlib secrets",
    "trust": "cryptography hashlib hmac nacl",
    "trust/evidence": "cryptography",
    "trust/grant": "hashlib",
    "trust/identity": "cryptography hashlib",
    "trust/register": "cryptography hashlib",
}
#: Where an algorithm that is weak by today's measure is named: a code app's codes, as RFC 6238 and every app have them.
OLD: Final = {"prove/browser.py": "sha1"}
#: The one script that reads HTML: a page of our own, of our own origin, taken apart and not put in as text.
READS_HTML: Final = {"signin/session.js"}
_WRITES: Final = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTMLUnsafe|srcdoc|eval|Function)\b"
)


def test_every_use_of_cryptography_is_in_the_inventory() -> None:
    """By folder, with the library; what is listed is used."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for name in _imported(node):
                if name in LIBRARIES:
                    found[path.relative_to(SOURCES).parent.as_posix()].add(name)
    assert {folder: " ".join(sorted(names)) for folder, names in found.items()} == INVENTORY


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").partition(".")[0]]
    return []


def test_no_weak_algorithm_is_named() -> None:
    """MD5, SHA-1, DES, RC4, ECB: nowhere but where a norm leaves no other."""
    weak = re.compile(r"\b(md5|sha1|SHA1|MD5|TripleDES|ARC4|ECB)\b")
    found = {}
    for path in SOURCES.rglob("*.py"):
        if hit := weak.search(path.read_text()):
            found[path.relative_to(SOURCES).as_posix()] = hit[1]
    assert found == OLD


def test_no_script_of_ours_writes_html() -> None:
    """Text goes in as text; a page of ours that is read is parsed, and only there."""
    scripts = [p for p in SOURCES.rglob("static/**/*.js") if "vendor" not in p.parts]
    assert len(scripts) > 10
    reads = set()
    for path in scripts:
        text = path.read_text()
        assert not _WRITES.search(text), path.name
        if "DOMParser" in text or "createContextualFragment" in text:
            reads.add("/".join(path.parts[-2:]))
    assert reads == READS_HTML


def test_static_folders_hold_listed_kinds_of_files_alone() -> None:
    """What a browser or a reader of licences needs; no source map, no key, no data."""
    endings = {p.suffix for p in SOURCES.glob("cloud/*/static/**/*") if p.is_file()}
    assert endings <= {".css", ".js", ".mjs", ".svg", ".png", ".woff2", ".gz", ".txt", ".md"}
