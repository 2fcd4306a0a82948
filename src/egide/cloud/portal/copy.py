"""One's own copy of the journal, and the comparison with the register later: an entry taken away is noticed.

The copy is a file of JSON, the patient's to keep. Each line holds the signed statement itself, so that it proves what
it says without us; what it says is written beside it in clear, for its owner.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.register.store import current_log, head_of, nodes_of, split_entry
from egide.errors import EgideError, MalformedError, decoding
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS
from egide.trust.register.tiles import TileNodes
from egide.trust.register.tree import leaf_hash

__all__ = ["FORMAT", "Compared", "compare", "make_copy"]

FORMAT: Final = "egide-journal-copy-1"
MAX_LINES: Final = 5_000
MAX_BYTES: Final = 24 * 1024 * 1024
Names = Callable[[set[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What became of the lines of a copy."""

    there: int
    changed: tuple[int, ...]  # entries whose place in the register holds something else
    gone: tuple[int, ...]  # entries that the register proves and the journal no longer shows


def make_copy(patient: Account, names_of: Names, *, before: int | None, now_ms: int) -> bytes:
    """The latest 5,000 statements of the patient's record (before entry `before`), opened. The caller checks who asks.

    `names_of` gives the names of the accounts that looked.
    """
    mine = Statement.objects.filter(subject=patient.pk).order_by("-entry")
    rows = list((mine if before is None else mine.filter(entry__lt=before))[: MAX_LINES + 1])
    more, rows = len(rows) > MAX_LINES, rows[:MAX_LINES]
    log, key = current_log(), care_key(patient.pk)
    head = head_of(log.pk)
    lines = [_line(row, key) for row in rows]
    names = names_of({line["says"]["reader"] for line in lines if line.get("says", {}).get("reader")})
    for line in lines:
        if name := names.get(line.get("says", {}).get("reader", "")):
            line["name"] = name
    told = {
        "format": FORMAT,
        "record": str(patient.pk),
        "made_ms": now_ms,
        "register": {"origin": log.origin, "size": head.size, "root": head.root.hex()},
        "older": rows[-1].entry if more else None,
        "lines": lines,
    }
    return json.dumps(told, ensure_ascii=False, indent=1).encode()


def compare(data: bytes, patient: Account) -> Compared:
    """Look up each line of a copy again.

    Raises:
        MalformedError: not a copy of ours, too large, or of another record; a line that we never signed.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError("the file is larger than any copy")
    with decoding("a copy of the journal"):
        told = json.loads(data)
        lines = [(int(line["entry"]), base64.b64decode(line["statement"], validate=True)) for line in told["lines"]]
        if told["format"] != FORMAT or told["record"] != str(patient.pk) or len(lines) > MAX_LINES:
            raise MalformedError("this is no copy of this record's journal")
        if any(not 0 <= entry < 2**63 for entry, _ in lines):
            raise MalformedError("the number of an entry has another form")
    _require_ours(lines)
    wanted = [entry for entry, _ in lines]
    shown = {}
    for start in range(0, len(wanted), 500):
        part = Statement.objects.filter(subject=patient.pk, entry__in=wanted[start : start + 500])
        shown.update({row.entry: leaf_hash(bytes(row.body)) for row in part})
    changed, gone = [], []
    tree = _Tree()
    for entry, body in lines:
        leaf = leaf_hash(body)
        if not tree.holds(entry, leaf):
            changed.append(entry)
        elif shown.get(entry) != leaf:
            gone.append(entry)
    return Compared(there=len(lines) - len(changed) - len(gone), changed=tuple(changed), gone=tuple(gone))


def _line(row: Statement, key: RecordKey) -> dict[str, Any]:
    body = bytes(row.body)
    log_id, index = split_entry(row.entry)
    line: dict[str, Any] = {
        "entry": row.entry,
        "log": log_id,
        "index": index,
        "leaf": leaf_hash(body).hex(),
        "kind": row.kind,
        "at_ms": row.at_ms,
        "statement": base64.b64encode(body).decode(),
    }
    try:
        said = open_statement(row, key)
    except EgideError:
        return line | {"damaged": True}
    line["says"] = json.loads(json.dumps({**said.facts, **(said.personal or {})}, default=_hex))
    return line


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _require_ours(lines: list[tuple[int, bytes]]) -> None:
    key = platform().signer.public_key
    for _, body in lines:
        try:
            Sign1.parse(body, limit=LIMITS.journal, what="statement").verify(key)
        except EgideError as err:
            raise MalformedError("a line of this copy was never signed here") from err


class _Tree:
    """The register's leaves, whatever the epoch; each tile is read once."""

    def __init__(self) -> None:
        self._nodes: dict[int, TileNodes] = {}

    def holds(self, entry: int, leaf: bytes) -> bool:
        """Whether that leaf lies at that place."""
        log_id, index = split_entry(entry)
        if log_id not in self._nodes:
            self._nodes[log_id] = nodes_of(log_id)
        try:
            return self._nodes[log_id](0, index) == leaf
        except (EgideError, LookupError, ValueError):
            return False
