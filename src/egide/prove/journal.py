"""Attacks on the journal, by whoever runs the platform: an entry that says who looked goes, or says otherwise."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from egide.prove.arena import Arena, heart_rate
from egide.prove.browser import TOKEN, Browser
from egide.prove.registry import attack, held
from egide.prove.signin import people
from egide.prove.store import checkpoint
from egide.trust.register.tree import leaf_hash


@attack(
    "edited-journal",
    claim="An entry of the journal that an operator deletes or rewrites is noticed by fsck, and by the patient's own"
    " copy.",
    claim_fr="Une ligne du journal effacée ou réécrite par un exploitant est vue par fsck, et par la copie du patient.",
    attacker="an operator who looked, and would rather not have",
    needs=("N25", "N27", "N34"),
    alone=True,
)
def edited_journal(arena: Arena) -> Iterator[str]:
    (owner,) = people(arena, "Josette Blanc")
    arena.instance.run("person", "follow", arena.charlie, owner.user)
    meter = arena.enrol(owner.user)
    held(arena.post(meter.envelope(heart_rate(71))).receipt is not None, "a good envelope was refused")
    for _ in range(2):
        arena.instance.run("read", owner.user, "--as", arena.charlie, "--purpose", "TREAT", "--json")
    with Browser(arena) as alice:
        alice.submit("/sign-in", code=owner.link)
        alice.confirm(alice.enrol_passkey())
        copy = alice.get("/me/journal/copy")
        held(copy.status_code == 200, "the patient gets no copy")
        held(_says(alice, copy.content) == "unchanged", "a true copy is not whole")
        yield "the patient keeps a copy of the journal: every line is in the register"
        entry = next(line["entry"] for line in copy.json()["lines"] if line["kind"] == "access")
        database = arena.instance.data / "egide.sqlite3"
        arena.instance.stop()
        checkpoint(database)
        kept = database.read_bytes()
        for what, change in {
            "deleted": f"DELETE FROM register_statement WHERE entry = {entry}",
            "moved to another record": _MOVED.format(entry=entry),
            "replaced by another that was signed as well": _REPLACED.format(entry=entry),
            "replaced, and its leaf in the tree with it": _REPLACED.format(entry=entry),
        }.items():
            database.write_bytes(kept)
            with contextlib.closing(sqlite3.connect(database)) as store:
                before = _body(store, entry)
                store.execute(change)
                if "leaf" in what:
                    _replant(store, leaf_hash(before), leaf_hash(_body(store, entry)))
                store.commit()
            checkpoint(database)
            found = arena.instance.run("fsck", check=False)
            damage = [line for line in found.stdout.splitlines() if line.startswith("damaged")]
            held(found.returncode == 1 and bool(damage), f"{what}: fsck says whole")
            arena.instance.start()
            said = _says(alice, copy.content)
            arena.instance.stop()
            held(said in ("taken out", "changed"), f"{what}: the patient's copy notices nothing ({said})")
            yield f"an entry {what}: fsck: {damage[0]}; the patient's copy: a line was {said}"
        database.write_bytes(kept)
        arena.instance.start()
        held(_says(alice, copy.content) == "unchanged", "the rows put back are not whole")
        yield "the rows put back: every line is in the register again"


_MOVED: Final = """UPDATE register_statement SET subject = (SELECT subject FROM register_statement
 WHERE subject != (SELECT subject FROM register_statement WHERE entry = {entry}) LIMIT 1) WHERE entry = {entry}"""
_REPLACED: Final = """UPDATE register_statement SET body = (SELECT body FROM register_statement
 WHERE kind = 'access' AND entry != {entry} ORDER BY entry DESC LIMIT 1) WHERE entry = {entry}"""


def _body(store: sqlite3.Connection, entry: int) -> bytes:
    found = store.execute("SELECT body FROM register_statement WHERE entry = ?", (entry,)).fetchone()
    return bytes(found[0]) if found else b""


def _replant(store: sqlite3.Connection, old: bytes, new: bytes) -> None:
    """Put one leaf in another's place, in every tile that holds it."""
    changed = 0
    for row, data in store.execute("SELECT rowid, data FROM register_tile WHERE level = 0").fetchall():
        if old in data:
            store.execute("UPDATE register_tile SET data = ? WHERE rowid = ?", (data.replace(old, new), row))
            changed += 1
    held(changed > 0, "the leaf is in no tile")


def _says(alice: Browser, copy: bytes) -> str:
    """What the page says when the patient compares their copy: unchanged, changed, taken out, or nothing of these."""
    token = TOKEN.search(alice.get("/me/journal").text)
    fields = {"csrfmiddlewaretoken": token[1] if token else ""}
    answer = alice.post("/me/journal/check", data=fields, files={"copy": ("journal.json", copy, "application/json")})
    for words, said in (("changed in the register", "changed"), ("taken out of the journal", "taken out"),
                        ("unchanged", "unchanged")):  # fmt: skip
        if words in answer.text:
            return said
    return f"status {answer.status_code}"
