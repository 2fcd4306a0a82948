"""Every page is valid HTML (RGAA 8.2); those that take several steps, and English, are judged in
tests/browser/test_access_phone.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from egide.cloud.people.models import Account
from tests.browser.everypage import _MORE, PAGES, Visit
from tests.browser.test_ward import _STAFF
from tests.cloud.conftest import NOW
from tests.support.cast import Cast
from tests.support.markup import NODE, invalid
from tests.support.papers import PDF

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def played(cast: Cast, program: str, people: dict[str, str]) -> dict[str, str]:
    """What `everypage` seeds in a process of its own, seeded here, at NOW."""
    said: list[str] = []
    made = program.format(people=repr(people), scan=PDF)
    exec(made.replace("time.time_ns()", f"{NOW}000000"), {"print": said.append})
    told: dict[str, str] = json.loads(said[-1])
    return told


@pytest.fixture
def people(cast: Cast) -> dict[str, str]:
    """The ids that the paths of `everypage` name."""
    found = {name: str(getattr(cast, name).pk) for name in ("alice", "bob", "charlie", "diane")}
    found |= played(cast, _STAFF, found)
    return found | played(cast, _MORE, found) | {"base": "http://localhost"}


@pytest.fixture
def demo(people: dict[str, str]) -> Iterator[None]:
    """A demo has a page of its own, and a band on every other one."""
    before, settings.OPTIONS = settings.OPTIONS, replace(settings.OPTIONS, demo=True)
    yield
    settings.OPTIONS = before


def opened(visit: Visit, people: dict[str, str]) -> Any:
    client = Client(headers={"accept-language": "fr", "host": "localhost"})
    if visit.who:
        client.force_login(Account.objects.get(pk=people[visit.who]))
    answer = client.get(visit.path.format(**people))
    assert answer.status_code == visit.status, (visit.id, answer.status_code)
    return answer.content.decode()


def test_every_page_is_valid(people: dict[str, str], demo: None) -> None:
    """Elements where they may stand, attributes and values that exist, everything closed, no id twice."""
    pages = {visit.id: opened(visit, people) for visit in PAGES if visit.path}
    assert invalid(pages) == {}


WRONG = {
    "a block in a paragraph": "<p>Words<div>a block</div></p>",
    "a list without items": "<ul><p>no item</p></ul>",
    "one id twice": '<p id="a">one</p><p id="a">two</p>',
    "nothing closes it": "<section><h2>Title</h2>",
    "no such value": '<input type="words" aria-label="a">',
    "a button in a link": '<a href="/"><button type="button">Press</button></a>',
    "an element of old": "<center>old</center>",
    "a caption in the middle": "<figure><p>a</p><figcaption>b</figcaption><p>c</p></figure>",
    "an attribute that nobody knows": '<div hx-get="/">asks again</div>',
}
_PAGE = '<!doctype html>\n<html lang="en">\n<head><title>A page</title></head>\n<body>\n{}\n</body>\n</html>'


def test_what_is_wrong_is_found() -> None:
    """The judge says so of each fault, and of nothing else: a page that it lets through was judged."""
    pages = {name: _PAGE.format(wrong) for name, wrong in WRONG.items()}
    assert set(invalid({**pages, "nothing": _PAGE.format("<h1>Right</h1>")})) == set(WRONG)
