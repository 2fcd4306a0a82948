"""The tables of people against the statements that made them: for fsck. A row alone is nobody's word."""

from __future__ import annotations

from collections.abc import Iterator

from egide.cloud.people.attested import Appointment, attested_offices, attested_references
from egide.cloud.people.identity import known_identity
from egide.cloud.people.models import Account, Establishment, Identity, Membership, Merge
from egide.cloud.people.proofing import signed_facts
from egide.errors import EgideError

__all__ = ["check_people"]


def check_people() -> Iterator[tuple[str, str, str]]:
    """(kind, where, what) of each row that no statement made or that says something else, and each row that is gone.

    A record whose key was erased can no longer be compared: nothing is said of it.
    """
    yield from _groups()
    yield from _offices()
    yield from _identities()
    yield from _merges()


def _groups() -> Iterator[tuple[str, str, str]]:
    signed = attested_references()
    for row in Establishment.objects.select_related("group"):
        kept = row.group.reference if row.group else None
        if kept != signed.get(row.pk):
            yield "establishment", str(row.pk), "not-attested"


def _offices() -> Iterator[tuple[str, str, str]]:
    held = {row.pk: row for row in Membership.objects.all()}
    signed: dict[str, Appointment] = {}
    for account in Account.objects.exclude(role__in=(Account.Role.PATIENT, Account.Role.RELATIVE)).values_list("pk"):
        signed |= attested_offices(account[0])
    for row in held.values():
        said = signed.pop(str(row.pk), None)
        kept = (str(row.account_id), str(row.establishment_id), row.office, row.since_ms, row.until_ms)
        if said is None or kept != (said.account, said.establishment, said.office, said.since_ms, said.until_ms):
            yield "office", str(row.pk), "not-attested"
    for gone in signed:
        yield "office", gone, "row-missing"


def _identities() -> Iterator[tuple[str, str, str]]:
    for row in Identity.objects.select_related("account").iterator():
        try:
            known = known_identity(row.account)
        except EgideError as err:
            if err.code != "key-missing":
                yield "identity", str(row.account_id), "not-attested"
            continue
        if (row.status, row.fictive, row.doubtful) != (known.status, known.fictive, known.doubtful):
            yield "identity", str(row.account_id), "not-attested"


def _merges() -> Iterator[tuple[str, str, str]]:
    for row in Merge.objects.select_related("kept", "merged"):
        try:
            done = {facts.get("merge") for _, facts in signed_facts(row.kept, "merge") if facts.get("as") == "kept"}
            undone = {facts.get("merge"): at for at, facts in signed_facts(row.kept, "unmerge")}
        except EgideError:
            continue
        if str(row.pk) not in done or undone.get(str(row.pk)) != row.undone_ms:
            yield "merge", str(row.pk), "not-attested"
