"""Attacks on what is kept: stolen folders and memory, changed rows, a database rolled back, forged proofs."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from egide.measure.readings import Readings, Series
from egide.prove.arena import Arena, heart_rate
from egide.prove.instance import Instance, dying_with_us, free_ports
from egide.prove.mqtt import Line
from egide.prove.registry import attack, held
from egide.things.object import Object
from egide.trust.envelope import Envelope

_NAMES = ("Alice Martin", "Bob Durand", "Charlie Petit")
_MARK = Readings(
    t0_ms=1_790_000_123_457,
    series=(Series(code="8310-5", unit="Cel", times=60_000_000, exponent=-2, values=(3651, 3677, 3702, 3719, 3689)),),
)


@attack(
    "stolen-folders",
    claim="Data folder, broker store, outbox and backup, stolen without the keys: no value, no name, no identity.",
    claim_fr="Données, broker, boîte d'envoi et sauvegarde volés sans les clés : aucune valeur, aucun nom.",
    attacker="thief of the data folder",
    needs=("N20", "N23", "N24"),
    alone=True,
)
def stolen_folders(arena: Arena) -> Iterator[str]:
    watch = Object.enrol(arena.claim(arena.alice), folder=arena.folder / "watch")
    watch.refresh()
    envelopes = [arena.mine.envelope(_MARK) for _ in range(3)]
    for envelope in envelopes:
        held(arena.post(envelope).receipt is not None, "a good envelope was refused")
    intake = arena.instance.children()["intake"]
    os.kill(intake, signal.SIGSTOP)
    try:
        line = Line.open(arena, arena.mine)
        waiting = arena.mine.envelope(_MARK)
        held(line.publish(f"up/{arena.mine.uuid}", waiting), "the broker did not take it")
        line.close()
        watch.send(_MARK)
        backup = arena.folder / "stolen.egide"
        arena.instance.run("backup", str(backup))
        loot = arena.folder / "loot"
        shutil.copytree(arena.instance.data, loot / "data")
        shutil.copy(backup, loot)
        shutil.copytree(arena.folder / "watch", loot / "watch", ignore=shutil.ignore_patterns("*.key", "*.secret"))
    finally:
        os.kill(intake, signal.SIGCONT)
        watch.close()
    secrets = {name.encode(): "a name" for name in _NAMES}
    for envelope in [*envelopes, waiting]:
        parsed = Envelope.parse(envelope)
        secrets[parsed.payload] = "readings"
        secrets[parsed.cti] = "an envelope's random id"
    secrets[bytes.fromhex("190e43190e5d190e76190e87190e69")] = "the values"
    secrets |= _keys_of(arena)
    total, files = 0, 0
    for path in sorted(p for p in loot.rglob("*") if p.is_file()):
        data = path.read_bytes()
        files, total = files + 1, total + len(data)
        for needle, what in secrets.items():
            held(needle not in data, f"{what} lies in clear in {path.relative_to(loot)}")
    yield f"{files} files, {total:,} bytes: {len(secrets)} secrets sought, none found"
    stranger = Instance(data=loot / "data", keys=loot / "no-keys")
    for command in (("read", arena.alice, "--as", arena.alice, "--purpose", "PATRQT"), ("fsck",), ("up",)):
        failed = stranger.run(*command, check=False)
        held(failed.returncode != 0, f"{command[0]} worked without the keys")
        yield f"egide {command[0]} on the loot, without keys: {_code(failed.stderr)}"


def _keys_of(arena: Arena) -> dict[bytes, str]:
    """What opens everything, as it is, in base64 and in hexadecimal: the keys of the key-encryption file."""
    content = json.loads((arena.instance.keys / "kek.json").read_bytes())
    texts = {**content["epochs"], "lasting": content["lasting"]}
    found: dict[bytes, str] = {}
    for name, text in texts.items():
        key = base64.b64decode(text)
        found |= dict.fromkeys((key, text.encode(), key.hex().encode()), f"the key-encryption key {name}")
    return found


def _code(stderr: str) -> str:
    found = re.findall(r"^egide: ([a-z-]+):", stderr, re.M)
    return next((code for code in found if code != "hint"), "refused")


_SECRETS = """
import sys
from egide.cloud.keys.provider import FileProvider, provider
from egide.cloud.keys.records import private_seed
from egide.cloud.vault.models import DataKey, Envelope
from egide.cloud.vault.sealing import data_key_info
from egide.trust.seal import Suite, open_sealed
import hmac
def show(what, data): print(what, data.hex())
for data_key in DataKey.objects.select_related("record_key"):
    key = data_key.record_key
    seed = private_seed(key)
    show("seed", seed); show("seed", seed[:32]); show("seed", seed[-32:])
    info = data_key_info(key.subject, data_key.worker, data_key.day)
    link = open_sealed(Suite(key.suite), seed, bytes(data_key.sealed), info)
    last = max(Envelope.objects.filter(data_key=data_key).values_list("step", flat=True), default=-1)
    for step in range(last + 1):
        block = hmac.digest(link, b"egide chain v1", "sha512")
        show("link", link); show("message-key", block[32:])
        link = block[:32]
    show("present", link)
import base64, json
from django.conf import settings
kept = json.loads(settings.OPTIONS.read_key("kek.json"))
for value in [*kept["epochs"].values(), kept["lasting"]]:
    show("kek", base64.b64decode(value)); show("kek", value.encode())
"""


@attack(
    "stolen-intake",
    claim="Intake's memory and its keys, stolen with the database, open nothing that was stored before.",
    claim_fr="La mémoire et les clés de l'intake, volées avec la base, n'ouvrent rien de ce qui était déjà enregistré.",
    attacker="a compromised intake",
    needs=("N21", "N24"),
    alone=True,
)
def stolen_intake(arena: Arena) -> Iterator[str]:
    for value in range(40):
        held(arena.post(arena.mine.envelope(heart_rate(60 + value))).receipt is not None, "refused")
    memory = _memory(arena.instance.children()["intake"])
    secrets = [line.split() for line in arena.inside(_SECRETS).splitlines()]
    present = [bytes.fromhex(data) for what, data in secrets if what == "present"]
    found = {what for what, data in secrets if what != "present" and bytes.fromhex(data) in memory}
    counted = {what: sum(1 for w, _ in secrets if w == what) for what in ("seed", "link", "message-key", "kek")}
    yield f"{len(memory):,} bytes of its memory read; sought " + ", ".join(f"{n} {what}" for what, n in counted.items())
    held(any(link in memory for link in present), "the present link is not there: this was not intake's memory")
    yield "the link for what comes next: there, as it must be"
    held(not found, f"found in memory: {', '.join(sorted(found))}")
    yield "of what was stored before: no link, no message key, no patient's key, no key-encryption key"


def _memory(pid: int) -> bytes:
    """Everything a process has in memory that it may write."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights, *_ = line.split()
            if "w" not in rights or line.endswith("[vvar]"):
                continue
            first, last = (int(x, 16) for x in where.split("-"))
            with contextlib.suppress(OSError, ValueError):
                memory.seek(first)
                parts.append(memory.read(last - first))
    return b"\n".join(parts)


@attack(
    "tampered-rows",
    claim="A row edited, deleted or swapped is found by its number, and is never shown as if it were whole.",
    claim_fr="Une ligne modifiée, supprimée ou échangée est trouvée par son numéro, et jamais montrée comme intacte.",
    attacker="insider with the database",
    needs=("N23", "N25", "N34"),
    alone=True,
)
def tampered_rows(arena: Arena) -> Iterator[str]:
    for value in range(8):
        held(arena.post(arena.mine.envelope(heart_rate(60 + value))).receipt is not None, "refused")
    arena.instance.stop()
    whole = arena.instance.data / "egide.sqlite3"
    checkpoint(whole)
    kept = whole.read_bytes()
    held(arena.instance.run("fsck", check=False).returncode == 0, "it was damaged before the attack")
    for what, sql in _TAMPERINGS.items():
        whole.write_bytes(kept)
        with contextlib.closing(sqlite3.connect(whole)) as database:
            changed = database.execute(sql).rowcount
            database.commit()
        held(changed > 0, f"{what}: nothing was changed")
        checkpoint(whole)
        found = arena.instance.run("fsck", check=False)
        damage = [line for line in found.stdout.splitlines() if line.startswith("damaged")]
        held(found.returncode == 1 and bool(damage), f"{what}: fsck says whole")
        yield f"{what}: {damage[0]}" + (f" (+{len(damage) - 1})" if len(damage) > 1 else "")
        if "inserted" in what:
            read = arena.instance.run("read", arena.bob, "--as", arena.charlie, "--purpose", "TREAT", check=False)
            held("access-denied" in read.stderr, f"{what}: it was a ground")
        if "content" in what or "swapped" in what or "hidden" in what or "arrival" in what:
            read = arena.instance.run(
                "read", arena.alice, "--as", arena.alice, "--purpose", "PATRQT", "--json", check=False
            )
            held(read.returncode != 0 and not read.stdout.strip(), f"{what}: it was shown")
    whole.write_bytes(kept)
    held(arena.instance.run("fsck", check=False).returncode == 0, "the database put back is not whole")
    yield "the rows put back: whole"


_FLIP = "CAST(substr({0}, 1, 60) || x'00' || substr({0}, 62) AS BLOB)"
_TAMPERINGS = {
    "an envelope's content edited": f"UPDATE vault_envelope SET sealed = {_FLIP.format('sealed')} WHERE entry % 8 = 1",
    "an envelope's content replaced by text": "UPDATE vault_envelope SET sealed = 'nothing to see' WHERE entry % 8 = 1",
    "an envelope deleted": "DELETE FROM vault_envelope WHERE entry = (SELECT max(entry) - 2 FROM vault_envelope)",
    "two envelopes swapped": (
        "UPDATE vault_envelope SET sealed = (SELECT o.sealed FROM vault_envelope o WHERE o.entry ="
        " CASE WHEN vault_envelope.entry % 2 = 0 THEN vault_envelope.entry + 1 ELSE vault_envelope.entry - 1 END)"
        " WHERE entry IN (SELECT a.entry FROM vault_envelope a JOIN vault_envelope b ON b.entry ="
        " CASE WHEN a.entry % 2 = 0 THEN a.entry + 1 ELSE a.entry - 1 END)"
    ),
    "an envelope hidden": "UPDATE vault_envelope SET flags = flags | 8",
    "a time of arrival moved": "UPDATE vault_envelope SET received_ms = received_ms - 86400000",
    "a record given to another patient": (
        "UPDATE fleet_pairing SET patient_id = (SELECT patient_id FROM fleet_pairing ORDER BY id DESC LIMIT 1)"
        " WHERE id = (SELECT min(id) FROM fleet_pairing)"
    ),
    "a follow-up inserted": (
        "INSERT INTO consent_followup (patient_id, professional_id, since_ms) SELECT patient_id,"
        " (SELECT professional_id FROM consent_followup LIMIT 1), 0 FROM fleet_pairing ORDER BY id DESC LIMIT 1"
    ),
    "an envelope's time moved": "UPDATE vault_envelope SET first_ms = first_ms - 3600000 WHERE entry % 8 = 2",
    "an envelope given to another patient": (
        "UPDATE vault_envelope SET pairing_id = (SELECT max(id) FROM fleet_pairing) WHERE entry % 8 = 3"
    ),
    "a journal entry edited": f"UPDATE register_statement SET body = {_FLIP.format('body')} WHERE kind = 'pairing'",
    "a journal entry deleted": "DELETE FROM register_statement WHERE kind = 'follow-up'",
    "a tile edited": f"UPDATE register_tile SET data = {_FLIP.format('data')} WHERE level = 0",
    "the register's size cut": "UPDATE register_log SET size = size - 3",
}


def checkpoint(path: Path) -> None:
    """Bring everything of a stopped platform's database into its one file."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA walcheckpoint(TRUNCATE)")
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


@attack(
    "rolled-back",
    claim="A database put back to yesterday is exposed by the objects and by a witness.",
    claim_fr="Une base remise à hier est trahie par les objets et par un témoin.",
    attacker="insider with everything but the key provider",
    needs=("N23", "N25", "N29"),
    alone=True,
)
def rolled_back(arena: Arena) -> Iterator[str]:
    watch = Object.enrol(arena.claim(arena.alice), folder=arena.folder / "watch")
    watch.refresh()
    with _witness(arena) as (url, vkey):
        arena.instance.run("fleet", "witness", url, vkey)
        _send(watch, 3)
        yesterday = arena.folder / "yesterday"
        arena.instance.stop()
        shutil.copytree(arena.instance.data, yesterday)
        arena.instance.start()
        _send(watch, 5)
        _wait_witnessed(arena)
        yield "eight readings receipted, the register witnessed"
        arena.instance.stop()
        shutil.rmtree(arena.instance.data)
        shutil.copytree(yesterday, arena.instance.data)
        arena.instance.start()
        watch.send(heart_rate(99))
        with contextlib.suppress(Exception):
            watch.flush(timeout=8)
        exposed = watch.status().exposures
        held(len(exposed) > 0, "the object did not notice")
        yield f"the object, after the database went back: {exposed[0].what}"
        kept = watch.status().counts
        held(kept.waiting + kept.drafts + kept.receipted >= 9, "the object lost something")
        yield f"the object keeps everything: {kept.waiting} waiting, {kept.receipted} receipted"
        said = _wait_for(arena, "witness")
        held(bool(said), "the platform's own log does not say that a witness disagrees")
        yield f"the witness: {said.split('egide.register ')[-1]}"
    watch.close()


def _send(watch: Object, count: int) -> None:
    for value in range(count):
        watch.send(heart_rate(60 + value))
    left = watch.flush(timeout=30)
    held(left.waiting == 0, "the object got no receipts")


def _wait_witnessed(arena: Arena) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        said = arena.inside(
            "from egide.cloud.register.models import Cosignature, Log\n"
            "print(int(Cosignature.objects.filter(checkpoint__size=Log.objects.get().size).exists()))"
        )
        if said.strip() == "1":
            return
    held(False, "the witness did not cosign")


def _wait_for(arena: Arena, word: str) -> str:
    """A line of the platform's log that holds `word`; a new entry makes it sign a new checkpoint."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        arena.post(arena.mine.envelope())
        for line in list(arena.instance.words):
            if word in line:
                return line
    return ""


@contextlib.contextmanager
def _witness(arena: Arena) -> Iterator[tuple[str, str]]:
    """A witness of this platform's log, in a process of its own: (url, vkey)."""
    log = arena.anchors.logs[-1]
    from egide.trust.register.checkpoint import LOG, VerifierKey

    (port,) = free_ports(1)
    vkey = VerifierKey(name=log.origin, kind=LOG, public=log.public).vkey
    command = dying_with_us("witness", "--folder", str(arena.folder / "witness"), "--port", str(port), "--log", vkey)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            said = process.stdout.readline() if process.stdout is not None else ""
            yield f"http://127.0.0.1:{port}", said.strip()
        finally:
            process.terminate()
            process.wait(10)


@attack(
    "forged-proof",
    claim="A proof file that brings its own keys proves nothing to who holds the anchors.",
    claim_fr="Un fichier de preuve qui apporte ses propres clés ne prouve rien à qui tient les ancres.",
    attacker="a lying operator",
    needs=("N34", "N36"),
    alone=True,
)
def forged_proof(arena: Arena) -> Iterator[str]:
    anchors = arena.folder / "anchors.toml"
    anchors.write_text(arena.instance.run("anchors").stdout)
    true = _proof(arena)
    good = arena.instance.run("verify", str(true), "--trust", str(anchors), check=False)
    held(good.returncode == 0, f"a true proof fails: {good.stderr.strip()[:100]}")
    yield "a true proof, with the anchors: exit 0"
    with Arena(arena.folder / "mallory") as mallory:
        forged = _proof(mallory)
        theirs = mallory.folder / "anchors.toml"
        theirs.write_text(mallory.instance.run("anchors").stdout)
        held(mallory.instance.run("verify", str(forged), "--trust", str(theirs)).returncode == 0, "not a good forgery")
    alone = arena.instance.run("verify", str(forged), check=False)
    held(alone.returncode == 3, f"without anchors: exit {alone.returncode}")
    yield "a proof of another platform's making, without anchors: exit 3, consistent, not anchored"
    refused = arena.instance.run("verify", str(forged), "--trust", str(anchors), check=False)
    held(refused.returncode == 1, f"with the anchors: exit {refused.returncode}")
    yield f"the same, with the anchors: exit 1, {_code(refused.stderr)}"
    changed = bytearray(true.read_bytes())
    changed[len(changed) // 2] ^= 1
    (arena.folder / "changed.egide").write_bytes(changed)
    broken = arena.instance.run("verify", str(arena.folder / "changed.egide"), "--trust", str(anchors), check=False)
    held(broken.returncode == 1, f"one bit changed: exit {broken.returncode}")
    yield "the true proof with one bit changed: exit 1"


def _proof(arena: Arena) -> Path:
    """The proof of a reading, as its patient downloads it."""
    posted = arena.post(arena.mine.envelope(heart_rate(81)))
    held(posted.receipt is not None, "a good envelope was refused")
    file = arena.folder / "proof.egide"
    until = time.monotonic() + 20
    while True:
        made = arena.instance.run(
            "read", arena.alice, "--as", arena.alice, "--purpose", "PATRQT",
            "--proof", f"1:{posted.receipt.index}", "--out", str(file), check=False,  # type: ignore[union-attr]
        )  # fmt: skip
        if made.returncode == 0:
            return file
        held(time.monotonic() < until, f"no proof was made: {made.stderr.strip()[:100]}")
