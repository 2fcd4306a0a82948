"""Searches of short lists: what was found after release, by id, page by page. And the one question that opens them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from django.core.signing import BadSignature, Signer

from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.bundles import searchset
from egide.cloud.fhir.common import COMMON, parse_common, unknown
from egide.cloud.fhir.reading.entries import absent
from egide.cloud.fhir.tokens import parse_tokens
from egide.cloud.fhir.wrong import ParameterError, TooCostlyError
from egide.cloud.people.models import Account
from egide.cloud.release.door import Answer, release

__all__ = ["OBJECT_STATE", "listed", "named_patient", "opened", "picked"]

#: What of a record one asks the door for who asks about people and objects: no measurement.
OBJECT_STATE: Final = ("egide:device-status",)
Body = dict[str, Any]


def opened(asked: Asked, patient: Account, kind: str, interaction: str) -> Answer:
    """The door's yes to a question about a record that asks for no measurement.

    Raises:
        AccessDeniedError: its no (journaled), or no scope for it.
    """
    asked.require(kind, interaction, patient)
    return release(asked.ask(patient, codes=OBJECT_STATE), now_ms=asked.now_ms)


def named_patient(asked: Asked) -> Account:
    """The patient that a search names by `patient` or `subject`; one's own record, or that of the launch, else.

    Raises:
        ParameterError: two of them. TooCostlyError: none. AccessDeniedError: no such patient.
    """
    found = {value.removeprefix("Patient/") for name in ("patient", "subject") for value in asked.query.getlist(name)}
    if len(found) > 1 or "" in found:
        raise ParameterError("patient", "a search is about one patient")
    account = asked.reader.account
    if found:
        return asked.patient(found.pop())
    if asked.reader.patient is not None:
        return asked.patient(str(asked.reader.patient))
    if account is not None and account.role == Account.Role.PATIENT:
        return account
    raise TooCostlyError("a search of everybody's is not done here")


def listed(
    asked: Asked, kind: str, found: Sequence[Body], *, known: Collection[str] = (), notes: Sequence[str] = ()
) -> Body:
    """A page of what was found. `known`: the parameters that were judged already.

    Raises:
        ParameterError: a parameter that this search has not, or one that is not of its form.
    """
    ignored = unknown(asked.query, COMMON | {"_id", "_cursor", *known}, strict=asked.strict)
    common = parse_common(asked.query, ignored=ignored)
    left = [one for one in found if asked.reader.may(kind, "search-type", one)]
    if (ids := asked.query.get("_id")) is not None:
        wanted = {token.code for token in parse_tokens("_id", ids)}
        left = [one for one in left if one["id"] in wanted]
    total = len(left)
    signer = Signer(salt=f"fhir.list {kind} {asked.reader.account and asked.reader.account.pk} {asked.reader.app}")
    if (cursor := asked.query.get("_cursor")) is not None:
        left = left[_after(left, _unsigned(signer, cursor)) :]
    page = left[: common.count]
    following = signer.sign(page[-1]["id"]) if page and len(left) > len(page) else ""
    told = total if common.total != "none" else None
    return searchset(asked, kind, page, common, total=told, cursor=following, notes=notes)


def _unsigned(signer: Signer, cursor: str) -> str:
    try:
        return signer.unsign(cursor)
    except BadSignature as err:
        raise ParameterError("_cursor", "is not one that this server gave for this search") from err


def _after(found: Sequence[Body], last: str) -> int:
    return next((n + 1 for n, one in enumerate(found) if one["id"] == last), len(found))


def picked(asked: Asked, kind: str, key: str, found: Callable[[], Sequence[Body]]) -> Body:
    """The one of that id. Raises AccessDeniedError: none that is this reader's to see."""
    for one in found():
        if one["id"] == key and asked.reader.may(kind, "read", one):
            return one
    raise absent()
