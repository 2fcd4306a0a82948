"""Linked identities against the statements that made them: for fsck. A row alone opens nothing; it is damage."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from egide.cloud.federation.links import LINK, attested_links
from egide.cloud.federation.models import LinkedIdentity
from egide.cloud.register.models import Statement

__all__ = ["check_links"]


def check_links() -> Iterator[tuple[str, str, str]]:
    """(kind, where, what) of each link that no statement made, and of each that a statement made and is gone."""
    kept: dict[uuid.UUID, set[tuple[str, bytes]]] = {}
    for row in LinkedIdentity.objects.all():
        kept.setdefault(row.account_id, set()).add((row.provider, bytes(row.subject_index)))
    told = Statement.objects.filter(kind=LINK, subject__isnull=False).values_list("subject", flat=True).distinct()
    for account in sorted({*kept, *(subject for subject in told if subject is not None)}, key=str):
        found, (standing, lapsed) = kept.get(account, set()), attested_links(account)
        for _ in found - standing - lapsed:
            yield "linked-identity", str(account), "not-attested"
        for _ in standing - found:
            yield "linked-identity", str(account), "row-missing"
