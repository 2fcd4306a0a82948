"""The tables that decide who may read, against the statements that made them: a row alone is nobody's word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from egide.cloud.consent.attested import KINDS, facts_afresh
from egide.cloud.consent.facts import ACCOUNT, Facts
from egide.cloud.consent.models import FollowUp, Ground
from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT, care_key
from egide.cloud.people.checks import check_people
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.upkeep.columns import readable
from egide.cloud.upkeep.finding import Finding
from egide.errors import EgideError

__all__ = ["check_grounds"]

_FOLLOW: Final = "follow"


def check_grounds() -> Iterator[Finding]:
    """Rows that no statement made, or that say something else than theirs; and statements whose row is gone."""
    yield from _check_pairings()
    for kind, where, what in check_people():
        yield Finding(kind=kind, where=where, what=what)
    rows = _rows_by_patient()
    said = Statement.objects.filter(kind__in=KINDS, subject__isnull=False).values_list("subject", flat=True)
    for patient in sorted({*rows, *said.distinct()} - {None}, key=str):
        try:
            expected = Counter(_expected(facts_afresh(patient)))
        except EgideError:
            continue  # said by the check of keys, or erased
        found = rows.get(patient, {})
        kept = Counter(found.values())
        for name, row in found.items():
            if kept[row] > expected[row]:
                kept[row] -= 1
                yield Finding(kind=_word(row), where=name, what="not-attested")
        for row in expected - kept:
            yield Finding(kind=_word(row), where=str(patient), what="row-missing")


#: Kind, holder's kind, holder, since, until, and the ground's id (a follow-up: that of its care relation).
_Row = tuple[str, str, str, int, int | None, str]


def _rows_by_patient() -> dict[Any, dict[str, _Row]]:
    """Every row, by patient, by its name in a finding."""
    found: dict[Any, dict[str, _Row]] = defaultdict(dict)
    for f in readable(FollowUp.objects.order_by("pk")):
        row = (_FOLLOW, ACCOUNT, str(f.professional_id), f.since_ms, f.until_ms, str(f.care or ""))
        found[f.patient_id][str(f.pk)] = row
    for g in readable(Ground.objects.order_by("pk")):
        found[g.patient_id][str(g.pk)] = (g.kind, g.holder_kind, g.holder, g.since_ms, g.until_ms, str(g.pk))
    return found


def _expected(facts: Facts) -> Iterator[_Row]:
    """The rows that the statements of one patient make."""
    for f in facts.follows:
        yield _FOLLOW, ACCOUNT, f.professional, f.since_ms, f.until_ms, f.follow_up
    for c in facts.care:
        yield Ground.Kind.CARE.value, ACCOUNT, c.responsible, c.since_ms, c.until_ms, c.id
    for g in facts.grants:
        yield Ground.Kind.GRANT.value, g.holder.kind, g.holder.id, g.since_ms, g.until_ms, g.id
    for r in facts.representations:
        yield Ground.Kind.REPRESENTATION.value, ACCOUNT, r.representative, r.since_ms, r.until_ms, r.id
    for p in facts.participations:
        yield Ground.Kind.RESEARCH.value, p.holder.kind, p.holder.id, p.since_ms, p.until_ms, p.id
    for e in facts.emergencies:
        yield Ground.Kind.EMERGENCY.value, ACCOUNT, e.reader, e.since_ms, e.until_ms, e.id
    for x in facts.restrictions:
        yield Ground.Kind.RESTRICTION.value, "", "", x.since_ms, x.until_ms, x.id


def _word(row: _Row) -> str:
    return "follow-up" if row[0] == _FOLLOW else "ground"


def _check_pairings() -> Iterator[Finding]:
    said: dict[str, tuple[str, str, int, str, str]] = {}
    ended: dict[str, int] = {}
    home = str(ESTABLISHMENT)
    for row in Statement.objects.filter(kind__in=("pairing", "unpairing"), subject__isnull=False).order_by("entry"):
        try:
            assert row.subject is not None  # the query says so
            facts: Any = open_statement(row, care_key(row.subject)).personal or {}
        except EgideError:
            continue  # said by the check of statements, or erased
        if row.kind == "pairing" and "since_ms" in facts:
            part = facts.get("class", RecordKey.Class.CARE.value), facts.get("establishment", home)  # once unsaid
            said[facts["pairing"]] = (facts["object"], str(row.subject), facts["since_ms"], *part)
        elif "until_ms" in facts:
            ended[facts["pairing"]] = facts["until_ms"]
    for pairing in readable(Pairing.objects.all()):
        name = str(pairing.uuid)
        part = pairing.klass, str(pairing.establishment)
        kept = (str(pairing.object_id), str(pairing.patient_id), pairing.since_ms, *part)
        if said.get(name) != kept or ended.get(name) != pairing.until_ms:
            yield Finding(kind="pairing", where=name, what="not-attested")
