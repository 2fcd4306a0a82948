"""Searchset and history Bundles: what was found, what goes with it, and where the next page is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.http import QueryDict

from egide.cloud.fhir.asked import Asked
from egide.cloud.fhir.common import Common, cut
from egide.cloud.fhir.registry import RESOURCES
from egide.cloud.fhir.systems import OUTCOMES, coding

__all__ = ["address", "history", "note", "searchset"]

_QUIET: Final = ("identifier", "name", "family", "given", "birthdate")  # never in an address, not even one of ours
Body = dict[str, Any]


def searchset(
    asked: Asked, kind: str, found: Sequence[Body], common: Common, *, total: int | None, included: Iterable[Body] = (),
    cursor: str = "", notes: Sequence[str] = (),
) -> Body:  # fmt: skip
    """A page. `notes` are told to the reader in an OperationOutcome beside what was found."""
    query = asked.query.copy()
    for name in [*common.ignored, *(n for n in query if n.partition(":")[0] in _QUIET)]:
        query.pop(name, None)
    links = [{"relation": "self", "url": address(asked.base, kind, query)}]
    if cursor:
        query["_cursor"], query["_count"] = cursor, str(common.count)
        links.append({"relation": "next", "url": address(asked.base, kind, query)})
    bundle: Body = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = links
    if common.counts_only:
        return bundle
    rules = RESOURCES[kind]
    entries = [
        _entry(asked, cut(one, common, mandatory=rules.mandatory, summary=rules.summary), "match") for one in found
    ]
    entries += [_entry(asked, one, "include") for one in included]
    notes = [*(f"{name}: not supported, and ignored as you asked" for name in common.ignored), *notes]
    if notes:
        entries.append({"resource": note(*notes), "search": {"mode": "outcome"}})
    if entries:
        bundle["entry"] = entries
    return bundle


def history(asked: Asked, versions: Sequence[Body]) -> Body:
    """The versions of one resource, the latest first."""
    entries = [
        {
            "fullUrl": f"{asked.base}/{one['resourceType']}/{one['id']}",
            "resource": one,
            "request": {"method": "POST" if n == len(versions) else "PUT", "url": _url(one, n, len(versions))},
            "response": {
                "status": "201" if n == len(versions) else "200",
                "etag": f'W/"{one["meta"]["versionId"]}"',
                "lastModified": one["meta"]["lastUpdated"],
            },
        }
        for n, one in enumerate(versions, start=1)
    ]
    return {"resourceType": "Bundle", "type": "history", "total": len(entries), "entry": entries}


def _url(one: Body, n: int, last: int) -> str:
    return str(one["resourceType"]) if n == last else f"{one['resourceType']}/{one['id']}"


def note(*texts: str) -> Body:
    """An OperationOutcome that is no refusal."""
    issues = [
        {
            "severity": "information",
            "code": "informational",
            "details": {"coding": [coding(OUTCOMES, "note")], "text": text},
        }
        for text in texts
    ]
    return {"resourceType": "OperationOutcome", "issue": issues}


def address(base: str, kind: str, query: QueryDict) -> str:
    pairs = [(name, value) for name, values in query.lists() for value in values]
    return f"{base}/{kind}" + (f"?{urlencode(pairs)}" if pairs else "")


def _entry(asked: Asked, resource: Body, mode: str) -> Body:
    url = f"{asked.base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}
