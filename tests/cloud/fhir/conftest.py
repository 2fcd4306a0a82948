"""Clients of the FHIR face."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from egide.cloud.fhir import views
from egide.cloud.people.models import Account
from tests.cloud.conftest import NOW
from tests.support.writing import elsewhere, intake_here, place, ward_gateway

__all__ = ["elsewhere", "intake_here", "place", "ward_gateway"]

Resource = dict[str, Any]
#: (reader, path) -> (status, resource); the reader is None for who has not signed in
Get = Callable[[Account | None, str], tuple[int, Resource]]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_now_ms", lambda: NOW)


@pytest.fixture
def get() -> Get:
    """Ask as somebody; numbers are read as exact decimals."""

    def ask(reader: Account | None, path: str) -> tuple[int, Resource]:
        client = Client()
        if reader is not None:
            client.force_login(reader)
        answer = client.get(path if path.startswith("http") else f"/fhir/{path}")
        assert answer.headers["Content-Type"].startswith("application/fhir+json")
        return answer.status_code, json.loads(answer.content, parse_float=Decimal)

    return ask


def resources(bundle: Resource) -> list[Resource]:
    return [entry["resource"] for entry in bundle.get("entry", [])]


def link(bundle: Resource, relation: str) -> str | None:
    return next((item["url"] for item in bundle["link"] if item["relation"] == relation), None)


def walk(get: Get, reader: Account, path: str) -> Iterator[Resource]:
    """Every page from `path` on."""
    following: str | None = path
    while following is not None:
        status, bundle = get(reader, following)
        assert status == 200
        yield bundle
        following = link(bundle, "next")
