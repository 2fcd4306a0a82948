"""The tables that decide who may read, against the statements that made them: a row alone is nobody's word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egide.cloud.consent.attested import attested_follow_ups
from egide.cloud.consent.models import FollowUp
from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.records import care_key
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.upkeep.finding import Finding
from egide.errors import EgideError

__all__ = ["check_grounds"]


def check_grounds() -> Iterator[Finding]:
    """Pairings and follow-ups that no statement made, or that say something else than theirs."""
    yield from _check_pairings()
    for row in FollowUp.objects.select_related("patient"):
        said = [f for f in attested_follow_ups(row.patient_id) if f.professional == str(row.professional_id)]
        if not any((f.since_ms, f.until_ms) == (row.since_ms, row.until_ms) for f in said):
            yield Finding(kind="follow-up", where=str(row.pk), what="not-attested")


def _check_pairings() -> Iterator[Finding]:
    said: dict[str, tuple[str, str, int]] = {}
    ended: dict[str, int] = {}
    for row in Statement.objects.filter(kind__in=("pairing", "unpairing"), subject__isnull=False).order_by("entry"):
        try:
            assert row.subject is not None  # the query says so
            facts: Any = open_statement(row, care_key(row.subject)).personal or {}
        except EgideError:
            continue  # said by the check of statements, or erased
        if row.kind == "pairing" and "since_ms" in facts:
            said[facts["pairing"]] = (facts["object"], str(row.subject), facts["since_ms"])
        elif "until_ms" in facts:
            ended[facts["pairing"]] = facts["until_ms"]
    for pairing in Pairing.objects.all():
        name = str(pairing.uuid)
        kept = (str(pairing.object_id), str(pairing.patient_id), pairing.since_ms)
        if said.get(name) != kept or ended.get(name) != pairing.until_ms:
            yield Finding(kind="pairing", where=name, what="not-attested")
