"""Who follows whom, by the platform's signed statements in the register. Rows are an index, never a ground."""

from __future__ import annotations

import uuid
from dataclasses import replace

from egide.cloud.consent.rules import Follow
from egide.cloud.keys.records import care_key
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

__all__ = ["KINDS", "attested_follow_ups"]

KINDS = ("follow-up", "follow-up-end")


def attested_follow_ups(patient: uuid.UUID) -> list[Follow]:
    """Every follow-up of a patient that a signed statement began, ended where another says so.

    A statement whose signature or seal does not hold says nothing.
    """
    follows: list[Follow] = []
    rows = list(Statement.objects.filter(subject=patient, kind__in=KINDS).order_by("entry"))
    if not rows:
        return follows
    record, key = care_key(patient), platform().signer.public_key
    for row in rows:
        try:
            Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement").verify(key)
            said = open_statement(row, record)
        except (EgideError, TypeError):
            continue
        facts = said.personal or {}
        professional = facts.get("professional", "")
        if said.kind == "follow-up":
            follows.append(
                Follow(patient=str(patient), professional=professional, since_ms=facts["since"], until_ms=None)
            )
        else:
            follows = [
                replace(f, until_ms=facts["until"]) if f.professional == professional and f.until_ms is None else f
                for f in follows
            ]
    return follows
