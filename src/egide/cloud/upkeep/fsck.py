"""Read everything again, trust nothing that was computed before, and say what is damaged, by its number.

    row        every column of every table holds what such a column holds
    log        each tile from the one below, the head, each epoch's names and key against its genesis
    checkpoint its signature, its root and the signature of its receipts; the last is not long behind the head
    entry      every leaf has exactly one row, and every row its leaf
    statement  its leaf, its signature, and its columns say what it says
    envelope   opens, is the leaf, is signed by the key of the certificate it names, and every column says what it says
               and it is sealed to the record that its pairing, or a signed attribution, names (attributions.py)
    object     it, its keys and its certificates: as the certificate's bytes say, revoked as statements say, of the
               model and trust level that its enrolments say
    page       opens where it lies, and says of each envelope what the envelope says (pages.py)
    account    names, contacts, traits and what lies in quarantine open; its role is the one that statements say
    erased     a record's key that a statement says was erased, and whose envelopes nobody opens any more (a notice)
    gap        a counter that is missing 10 minutes after a later one arrived (a notice: the object may hold it refused)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from cryptography import x509
from django.db import connection

from egide.cloud.federation.checks import check_links
from egide.cloud.fleet.models import Certificate, Pairing
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Checkpoint, Log, Statement
from egide.cloud.register.platform import platform
from egide.cloud.register.store import entry_number, get_tile, nodes_of, split_entry
from egide.cloud.upkeep.attributions import Owners, check_attributions
from egide.cloud.upkeep.columns import check_columns, guarded, readable, what
from egide.cloud.upkeep.finding import Finding
from egide.cloud.upkeep.grounds import check_grounds
from egide.cloud.upkeep.keyring import check_keys, erased_data_keys
from egide.cloud.upkeep.logs import check_checkpoints, check_log
from egide.cloud.upkeep.objects import check_objects
from egide.cloud.upkeep.pages import check_pages
from egide.cloud.upkeep.roles import check_roles
from egide.cloud.upkeep.sealed import check_sealed
from egide.cloud.upkeep.snapshot import snapshot
from egide.cloud.vault.models import Envelope as Row
from egide.cloud.vault.models import Flag
from egide.cloud.vault.opening import Opened, Vault
from egide.errors import ProofError, UnavailableError
from egide.trust.cose import PublicKey, Sign1
from egide.trust.envelope import Envelope
from egide.trust.limits import LIMITS
from egide.trust.register.tree import leaf_hash, node_hash, root_hash

__all__ = ["Finding", "Report", "fsck"]

GAP_MS: Final = 10 * 60_000
CHUNK: Final = 2_000


@dataclass(slots=True)
class Report:
    """What was read, and what was found."""

    findings: list[Finding]
    envelopes: int = 0
    statements: int = 0
    tiles: int = 0
    checkpoints: int = 0
    erased: int = 0  # envelopes whose key was erased: only their leaves can be checked

    @property
    def damaged(self) -> bool:
        return any(not f.notice for f in self.findings)


def fsck(*, now_ms: int, progress: Callable[[str, int, int], None] = lambda *_: None) -> Report:
    """Check the whole store. Reads only. `progress(part, done, total)` is called now and then."""
    with snapshot():
        return _fsck(now_ms, progress)


def _fsck(now_ms: int, progress: Callable[[str, int, int], None]) -> Report:
    report = Report([])
    if not Log.objects.exists():
        raise UnavailableError("there is no register here")
    report.findings += guarded("row", check_columns)
    for log in readable(Log.objects.order_by("id")):
        report.checkpoints += Checkpoint.objects.filter(log=log).count()
        for of_log in (
            partial(_check_tree, log, report), partial(check_log, log), partial(_check_entries, log),
            partial(check_checkpoints, log, now_ms=now_ms),
        ):  # fmt: skip
            report.findings += guarded("log", of_log)
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "key": check_keys,
        "ground": check_grounds,
        "attribution": check_attributions,
        "linked-identity": _check_links,
        "object": check_objects,
        "account": check_sealed,
        "role": check_roles,
        "statement": partial(_check_statements, report),
        "envelope": partial(_check_envelopes, report, progress),
        "page": check_pages,
        "gap": partial(_check_gaps, now_ms),
    }
    for kind, check in checks.items():
        report.findings += guarded(kind, check)
    return report


def _check_links() -> Iterator[Finding]:
    for kind, where, word in check_links():
        yield Finding(kind=kind, where=where, what=word)


def _check_tree(log: Log, report: Report) -> Iterator[Finding]:
    """Each tile of a level holds the roots of the tiles below it; the top is the head."""
    for level, n, width in _tiles(log.size):
        where = f"{log.pk}/{level}/{n}"
        try:
            data = get_tile(log.pk, level, n)
        except Exception as err:
            yield Finding(kind="tile", where=where, what=what(err))
            continue
        report.tiles += 1
        if len(data) != 32 * width:
            yield Finding(kind="tile", where=where, what="size")
        if level == 0:
            continue
        for i in range(width):
            below = _tile_or_empty(log.pk, level - 1, n * 256 + i)
            if _root_of_full_tile(below) != data[32 * i : 32 * i + 32]:
                yield Finding(kind="tile", where=f"{log.pk}/{level - 1}/{n * 256 + i}", what="hash")
    try:
        if root_hash(log.size, nodes_of(log.pk)) != bytes(log.root):
            yield Finding(kind="log", where=str(log.pk), what="root")
    except Exception as err:
        yield Finding(kind="log", where=str(log.pk), what=what(err))


def _tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, n, width) of every tile of a tree, the lowest level first."""
    level, hashes = 0, size
    while hashes:
        for n in range((hashes + 255) // 256):
            yield level, n, min(256, hashes - 256 * n)
        level, hashes = level + 1, hashes // 256


def _tile_or_empty(log_id: int, level: int, n: int) -> bytes:
    try:
        return get_tile(log_id, level, n)
    except Exception:
        return b""


def _root_of_full_tile(data: bytes) -> bytes:
    row = [data[i : i + 32] for i in range(0, len(data), 32)]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
    return row[0] if row else b""


def _check_entries(log: Log) -> Iterator[Finding]:
    """Exactly one row for each leaf."""
    first, last = entry_number(log.pk, 0), entry_number(log.pk, log.size)
    expected = first
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entry FROM vault_envelope WHERE entry >= %s AND entry < %s"
            " UNION ALL SELECT entry FROM register_statement WHERE entry >= %s AND entry < %s ORDER BY 1",
            [first, entry_number(log.pk + 1, 0), first, entry_number(log.pk + 1, 0)],
        )
        while rows := cursor.fetchmany(CHUNK):
            for (entry,) in rows:
                if entry < expected:
                    yield Finding(kind="entry", where=_name(entry), what="twice")
                elif entry >= last:
                    yield Finding(kind="entry", where=_name(entry), what="beyond-head")
                else:
                    for missing in range(expected, min(entry, expected + 1000)):
                        yield Finding(kind="entry", where=_name(missing), what="missing")
                    expected = entry + 1
    for missing in range(expected, min(last, expected + 1000)):
        yield Finding(kind="entry", where=_name(missing), what="missing")


def _check_statements(report: Report) -> Iterator[Finding]:
    nodes = {log.pk: nodes_of(log.pk) for log in Log.objects.all()}
    key = platform().signer.public_key
    for row in readable(Statement.objects.order_by("entry"), ids_only=True).iterator(CHUNK):
        report.statements += 1
        log_id, index = split_entry(row.entry)
        try:
            body = bytes(row.body)
            if nodes[log_id](0, index) != leaf_hash(body):
                raise ProofError("another leaf", step="leaf")
            statement = Sign1.parse(body, limit=LIMITS.journal, what="statement")
            statement.verify(key)
            _require_columns(row, statement)
        except Exception as err:
            yield Finding(kind="statement", where=_name(row.entry), what=what(err))


def _require_columns(row: Statement, statement: Sign1) -> None:
    """A statement's row says its kind, time and subject as it was signed: these are how it is found. Raises."""
    said = open_statement(row)
    subject = f"urn:uuid:{row.subject}" if row.subject else platform().uri
    if (said.kind, said.at_ms, statement.claims.get(2)) != (row.kind, row.at_ms, subject):
        raise ProofError("a column differs from the statement", step="columns")


def _check_envelopes(report: Report, progress: Callable[[str, int, int], None]) -> Iterator[Finding]:
    total = Row.objects.count()
    certificates = {c.pk: c for c in readable(Certificate.objects.all())}
    pairings = {p.pk: p for p in readable(Pairing.objects.all())}
    keys: dict[int, PublicKey] = {}
    erased, owners = erased_data_keys(), Owners()
    vault = Vault()
    at = 0
    while rows := list(readable(Row.objects.filter(entry__gt=at)).order_by("entry")[:CHUNK]):
        at = rows[-1].entry
        leaves, lost = _leaves(rows)
        for row in rows:
            if row.entry in lost:
                yield Finding(kind="envelope", where=_name(row.entry), what="leaf-unreadable")
            elif row.pairing_id not in pairings:
                lost.add(row.entry)
                yield Finding(kind="envelope", where=_name(row.entry), what="pairing-missing")
            else:
                row.pairing = pairings[row.pairing_id]
                if found := owners.wrong(row):
                    yield Finding(kind="envelope", where=_name(row.entry), what=found)
        report.erased += sum(1 for row in rows if row.data_key_id in erased)
        lost |= {row.entry for row in rows if row.data_key_id in erased}
        openable = sorted((r for r in rows if r.entry not in lost), key=lambda r: (r.data_key_id, r.step))
        for row in openable:
            try:
                _require_bound(row, vault.open(row, leaves[row.entry], owner=owners.of(row)), certificates, keys)
            except Exception as err:  # whatever a row was made into, the next one is read
                yield Finding(kind="envelope", where=_name(row.entry), what=what(err))
        report.envelopes += len(rows)
        progress("envelopes", report.envelopes, total)


def _leaves(rows: list[Row]) -> tuple[dict[int, bytes], set[int]]:
    nodes: dict[int, Callable[[int, int], bytes]] = {}
    leaves, lost = {}, set()
    for row in rows:
        log_id, index = split_entry(row.entry)
        try:
            leaves[row.entry] = nodes.setdefault(log_id, nodes_of(log_id))(0, index)
        except Exception:
            lost.add(row.entry)
    return leaves, lost


def _require_bound(
    row: Row, opened: Opened, certificates: dict[int, Certificate], keys: dict[int, PublicKey]
) -> None:
    """Every column says what the signed envelope, or the sealed record, says. Raises EgideError."""
    envelope = Envelope.parse(opened.entry)
    certificate = certificates.get(row.certificate_id)
    if certificate is None or bytes(certificate.sha256) != envelope.certificate:
        raise ProofError("another certificate", step="certificate")
    if hashlib.sha256(bytes(certificate.der)).digest() != envelope.certificate:
        raise ProofError("the certificate is not the one signed for", step="certificate")
    if certificate.key_id not in keys:
        loaded = x509.load_der_x509_certificate(bytes(certificate.der)).public_key()
        keys[certificate.key_id] = PublicKey(loaded)  # type: ignore[arg-type]  # refuses other kinds itself
    readings = envelope.verify(keys[certificate.key_id]).readings
    first, last = readings.span_ms()
    said = (
        certificate.key_id, envelope.seq, envelope.identity, envelope.pairing_id, envelope.object_id,
        first + opened.correction_ms, last + opened.correction_ms,
    )  # fmt: skip
    kept = (
        row.key_id, row.seq, bytes(row.identity), str(row.pairing.uuid), str(row.pairing.object_id),
        row.first_ms, row.last_ms,
    )  # fmt: skip
    if said != kept:
        raise ProofError("a column differs from the envelope", step="columns")


def _check_gaps(now_ms: int) -> Iterator[Finding]:
    """Counters that are missing, clones that are not marked, and marks of which there is no clone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key_id, seq, previous, received_ms FROM (SELECT key_id, seq, received_ms,"
            " lag(seq) OVER (PARTITION BY key_id ORDER BY seq, entry) AS previous FROM vault_envelope) AS t"
            " WHERE seq - previous > 1 AND received_ms < %s ORDER BY key_id, seq",
            [now_ms - GAP_MS],
        )
        for key_id, seq, previous, _ in cursor.fetchall():
            yield Finding(kind="gap", where=f"key {key_id}", what=f"seq {previous + 1}..{seq - 1}", notice=True)
        cursor.execute(
            "SELECT e.entry FROM vault_envelope e JOIN (SELECT key_id, seq FROM vault_envelope"
            " GROUP BY key_id, seq HAVING count(*) > 1) AS d ON e.key_id = d.key_id AND e.seq = d.seq"
        )
        twins = {entry for (entry,) in cursor.fetchall()}
    marked = _contested()
    for entry in sorted(twins - marked):
        yield Finding(kind="envelope", where=_name(entry), what="contested-unmarked")
    for entry in sorted(marked - twins):
        yield Finding(kind="envelope", where=_name(entry), what="contested-by-nobody")


def _contested() -> set[int]:
    """Envelopes that are marked: another was signed with the same key and number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT entry FROM vault_envelope WHERE flags & %s <> 0", [int(Flag.CONTESTED)])
        return {entry for (entry,) in cursor.fetchall()}


def _name(entry: int) -> str:
    log_id, index = split_entry(entry)
    return f"{log_id}:{index}"
