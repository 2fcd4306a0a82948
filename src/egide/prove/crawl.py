"""What can be typed on the pages, found by walking them: every form, every field, every parameter that a view reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit

from egide.prove.arena import Arena
from egide.prove.browser import Browser

__all__ = ["Form", "Parameter", "crawl", "parameters"]

_TEXT: Final = frozenset({"text", "search", "hidden", "date", "number", "tel", "email", "url", "textarea"})
_LEAVES: Final = re.compile(r"/(sign-out|federation|demo|language|rights/take)|/copy$|/end|/stop$|/code$")
_MOST: Final = 120
#: A route with the names that its view's module reads from forms and addresses.
_PARAMETERS: Final = r"""
import inspect, json, re, sys
from django.urls import get_resolver

def walk(patterns, before=""):
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern.url_patterns, route)
        else:
            yield route, pattern.callback.__module__

READS = re.compile(r'(?:GET|POST|given|query|params)(?:\.get(?:list)?\(|\[)"(\w+)"')
found = []
for route, module in walk(get_resolver().url_patterns):
    names = sorted(set(READS.findall(inspect.getsource(sys.modules[module]))))
    found.append([route, names])
print(json.dumps(found))
"""
_FHIR: Final = ("patient", "code", "date", "_count", "_sort", "_cursor", "_purpose", "_summary", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path, and one name that may be given to it."""

    path: str
    name: str


@dataclass(slots=True, kw_only=True)
class Form:
    """A form as a browser would send it: `fields` with what stands in them, `typed` those that hold text."""

    action: str
    page: str
    post: bool
    fields: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """One of each kind is enough: the same address but for ids, the same fields."""
        action = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+", "*", self.action)
        return f"{action} {sorted(self.fields)}"


class _Reader(HTMLParser):
    """Links and forms of one page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "form":
            action = urljoin(self.page, given.get("action") or self.page)
            self._form = Form(action=action, page=self.page, post=given.get("method", "").lower() == "post")
            self.forms.append(self._form)
        elif self._form is not None and tag in ("input", "textarea", "select", "option", "button"):
            self._take(self._form, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def _take(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text" if tag == "input" else tag).lower()
        if tag == "select":
            self._select = name
            form.typed.append(name)
        elif tag == "option" and self._select and self._select not in form.fields:
            form.fields[self._select] = given.get("value", "")
        elif name and kind in ("radio", "checkbox"):
            if name not in form.fields or "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif name and kind != "file" and tag != "option":
            form.fields.setdefault(name, given.get("value", "") or ("x" if kind in _TEXT else ""))
            if kind in _TEXT and name != "csrfmiddlewaretoken":
                form.typed.append(name)


def crawl(browser: Browser, *starts: str) -> tuple[list[str], dict[str, Form]]:
    """Walk from some pages: the pages that were seen, and a form of each kind that has something to type."""
    queue, seen, forms = list(starts), set(starts), dict[str, Form]()
    pages: list[str] = []
    while queue and len(pages) < _MOST:
        path = queue.pop(0)
        answer = browser.get(path, follow_redirects=True)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        pages.append(path)
        reader = _Reader(answer.url.path)
        reader.feed(answer.text)
        for form in reader.forms:
            if form.typed and not _LEAVES.search(form.action):
                forms.setdefault(form.kind, form)
        for link in _ours(reader.links, answer.url.path):
            if link not in seen:
                seen.add(link)
                queue.append(link)
    return pages, forms


def _ours(links: Iterable[str], page: str) -> Iterable[str]:
    for link in links:
        parts = urlsplit(urljoin(page, link))
        if not parts.scheme and not parts.netloc and parts.path.startswith("/") and not _LEAVES.search(parts.path):
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def parameters(arena: Arena, patient: str) -> list[Parameter]:
    """Every name that any view reads, at every address of that view's module; addresses are about `patient`."""
    found = []
    for route, names in json.loads(arena.inside(_PARAMETERS)):
        path = "/" + re.sub(r"<reading:\w+>", "1-0-0", re.sub(r"<int:\w+>", "1", route))
        path = re.sub(r"<session:\w+>", "0" * 40, re.sub(r"<uuid:\w+>", patient, path))
        path = re.sub(r"<\w+:\w+>", "x", path).replace("(?P<rest>.*)", "x")
        if _LEAVES.search(path) or any(c in path for c in "<>^$*("):
            continue
        extra = _FHIR if path.startswith("/fhir/Observation") else ()
        found += [Parameter(path=path, name=name) for name in (*names, *extra)]
    return found
