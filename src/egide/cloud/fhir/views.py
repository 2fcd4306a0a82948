"""R4's addresses. Everything personal comes through release(): deny by default, each answer in the journal."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from egide.cloud.fhir.asked import Asked, query_of
from egide.cloud.fhir.base import base_of
from egide.cloud.fhir.bundles import history
from egide.cloud.fhir.capability import capability_statement
from egide.cloud.fhir.common import cut, parse_common
from egide.cloud.fhir.outcome import NotAllowedError, WrongTypeError, answering, respond
from egide.cloud.fhir.reader import reader_of
from egide.cloud.fhir.registry import OPERATIONS, RESOURCES, WRITES, Operation, Resource
from egide.errors import NotFoundError

__all__ = ["metadata", "nowhere", "observation", "read_device", "read_provenance", "search"]

_FORM: Final = "application/x-www-form-urlencoded"
_SAFE: Final = ("GET", "HEAD")
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
Body = dict[str, Any]


@answering
def metadata(request: HttpRequest) -> HttpResponse:
    """Open to all: it says nothing of anyone."""
    _require(request, *_SAFE)
    return respond(capability_statement(base_of(request)))


@answering
def search(request: HttpRequest) -> HttpResponse:
    """Observations by what they say."""
    return _at_type(request, "Observation")


@answering
def observation(request: HttpRequest, key: str) -> HttpResponse:
    """One observation by its id, <entry>-<position>-<index>."""
    return _at_instance(request, "Observation", key)


@answering
def read_provenance(request: HttpRequest, entry: int) -> HttpResponse:
    """The signature of one envelope."""
    return _at_instance(request, "Provenance", str(entry))


@answering
def read_device(request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
    """An object that measures, or measured, somebody whose record the reader may see."""
    return _at_instance(request, "Device", str(object_id))


@answering
def nowhere(request: HttpRequest) -> HttpResponse:
    """Every other address under /fhir: by its type, its id, its operation."""
    path = request.path_info.partition(reverse("fhir:metadata").removesuffix("metadata"))[2].rstrip("/")
    match path.split("/"):
        case [""]:
            return _write(request, "")
        case [name] if name.startswith("$"):
            return _operate(request, "", name, "")
        case [kind]:
            return _at_type(request, kind)
        case [kind, "_search"]:
            return _search(request, kind, "POST")
        case [kind, name] if name.startswith("$"):
            return _operate(request, kind, name, "")
        case [kind, key]:
            return _at_instance(request, kind, key)
        case [kind, key, "_history"]:
            return _history(request, kind, key)
        case [kind, key, "_history", version]:
            return _history(request, kind, key, version)
        case [kind, key, name] if name.startswith("$"):
            return _operate(request, kind, name, key)
    raise _unknown()


def _at_type(request: HttpRequest, kind: str) -> HttpResponse:
    _resource(kind)
    return _write(request, kind) if request.method == "POST" else _search(request, kind, *_SAFE)


def _search(request: HttpRequest, kind: str, *methods: str) -> HttpResponse:
    rules = _resource(kind)
    if rules.search is None:
        raise _unknown()
    _require(request, *methods, *(("POST",) if kind in WRITES and "POST" not in methods else ()))
    if request.method == "POST" and request.content_type != _FORM:
        raise WrongTypeError(f"a search by POST is a form: {_FORM}")
    return respond(rules.search(_asked(request)))


def _at_instance(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    rules = _resource(kind)
    if rules.read is None:
        raise _unknown()
    _require(request, *_SAFE)
    asked = _asked(request)
    common = parse_common(asked.query)
    found = rules.read(asked, _id(key))
    return respond(cut(found, common, mandatory=rules.mandatory, summary=rules.summary))


def _history(request: HttpRequest, kind: str, key: str, version: str = "") -> HttpResponse:
    rules = _resource(kind)
    if rules.history is None:
        raise _unknown()
    _require(request, *_SAFE)
    asked = _asked(request)
    versions = rules.history(asked, _id(key))
    if not version:
        return respond(history(asked, versions))
    for one in versions:
        if one["meta"]["versionId"] == version:
            return respond(one)
    raise NotFoundError("no such version")


def _operate(request: HttpRequest, kind: str, name: str, key: str) -> HttpResponse:
    found = OPERATIONS.get((kind, name))
    if found is None or not (found.on_instance if key else found.on_type):
        raise _unknown()
    _require(request, *(("POST",) if found.changes else (*_SAFE, "POST")))
    return _answer(found, _asked(request), _id(key) if key else "")


def _answer(operation: Operation, asked: Asked, key: str) -> HttpResponse:
    found = operation.run(asked, key)
    return found if isinstance(found, HttpResponse) else respond(found)


def _write(request: HttpRequest, kind: str) -> HttpResponse:
    found = WRITES.get(kind)
    if found is None:
        if kind == "" and request.method in _SAFE:
            raise _unknown()
        _require(request, *_SAFE)
        raise _unknown()
    _require(request, "POST")
    return found.run(_asked(request))


def _resource(kind: str) -> Resource:
    found = RESOURCES.get(kind)
    if found is None:
        raise _unknown()
    return found


def _require(request: HttpRequest, *methods: str) -> None:
    if request.method not in methods:
        raise NotAllowedError(methods)


def _id(key: str) -> str:
    if not _ID.fullmatch(key):
        raise NotFoundError("no resource has such an id")
    return key


def _unknown() -> NotFoundError:
    return NotFoundError("this server has no such resource: see /fhir/metadata")


def _asked(request: HttpRequest) -> Asked:
    return Asked(
        request=request, reader=reader_of(request), query=query_of(request), base=base_of(request), now_ms=_now_ms()
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
