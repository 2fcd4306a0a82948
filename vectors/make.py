"""Make the frozen examples of every format: `python vectors/make.py`.

Each file of this folder is one family: {"what": ..., "vectors": [...]}. A vector has a name, a kind (which
says how to check it), an `expect` ("ok", or the public code of the refusal; a status for a witness), its
input, and what comes out of it. Bytes are hexadecimal. Everything comes from fixed seeds, so making them
again gives the same bytes; the families in `FROZEN` hold what cannot be made twice (certificates, sealed
bytes), and are kept as they are unless `--renew` is given.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import consents
import identities
import proofs
import statements
import trees

FOLDER: Final = Path(__file__).parent
FAMILIES: Final[dict[str, tuple[str, Callable[[], Iterator[dict[str, Any]]]]]] = {
    "envelopes": ("signed readings, and what is refused (docs/spec/envelope.md)", statements.envelopes),
    "readings": ("the payload of an envelope (docs/spec/envelope.md)", statements.readings),
    "answers": ("receipts and refusals, as an object gets them (docs/spec/register.md)", statements.answers),
    "trees": ("roots, inclusion and consistency paths (RFC 9162)", trees.trees),
    "tiles": ("names and contents of tiles (C2SP tlog-tiles)", trees.tiles),
    "receipts": ("COSE receipts of inclusion and of consistency (RFC 9942)", trees.receipts),
    "checkpoints": ("signed notes and cosignatures (C2SP)", trees.checkpoints),
    "witness": ("requests to a witness and its answers (C2SP tlog-witness)", trees.witness),
    "genesis": ("the first entry of a log, and of the one that follows it", statements.genesis),
    "enrolment": ("claims, certificates, signed time (docs/spec/enrolment.md)", identities.enrolment),
    "evidence": ("proof files, and the step at which others fail (docs/spec/evidence.md)", proofs.evidence),
    "consents": ("consents signed with a passkey, and where others fail (docs/spec/consent.md)", consents.consents),
    "sealed": ("HPKE with X25519, and the forward chain of message keys", statements.sealed),
}
FROZEN: Final = frozenset({"consents", "enrolment", "evidence", "genesis", "sealed"})


def render(family: str) -> str:
    """The text of one family's file."""
    what, make = FAMILIES[family]
    vectors = list(make())
    names = [vector["name"] for vector in vectors]
    assert len(names) == len(set(names)), f"{family}: two vectors have one name"
    return json.dumps({"what": what, "vectors": vectors}, indent=1, ensure_ascii=False) + "\n"


def index(texts: dict[str, str]) -> str:
    """The index: every file, its SHA-256, and how many vectors it holds."""
    files = {
        f"{family}.json": {
            "what": FAMILIES[family][0],
            "vectors": len(json.loads(text)["vectors"]),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
        for family, text in texts.items()
    }
    return json.dumps({"version": 1, "files": files}, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the frozen examples of every format.")
    parser.add_argument("--renew", action="store_true", help="make again what is kept frozen, too")
    renew = parser.parse_args().renew
    texts = {}
    for family in FAMILIES:
        path = FOLDER / f"{family}.json"
        kept = family in FROZEN and path.exists() and not renew
        texts[family] = path.read_text("utf-8") if kept else render(family)
        path.write_text(texts[family], "utf-8")
    (FOLDER / "index.json").write_text(index(texts), "utf-8")


if __name__ == "__main__":
    main()
