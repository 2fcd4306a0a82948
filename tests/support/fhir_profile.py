"""A small judge of FHIR R4 resources by their definitions' snapshots.

It checks cardinality, types, fixed and pattern values, slices, required bindings whose codes can be
listed, and invariants. It does not resolve references, nor look codes up in LOINC or UCUM.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import fhirpathpy
from fhirpathpy.engine import nodes, util
from fhirpathpy.models import models
from fhirpathpy.parser import parse as _parse

BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
DEFINITIONS: Final = tuple(Path(__file__).parents[1] / "interop" / name / "definitions.json" for name in ("r4", "phd"))
_REGEX: Final = {
    "instant": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "dateTime": r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?",
    "date": r"\d{4}(-\d\d(-\d\d)?)?",
    "id": r"[A-Za-z0-9\-\.]{1,64}",
    "code": r"\S+( \S+)*",
    "base64Binary": r"[0-9a-zA-Z+/=\s]+",
}
_PYTHON: Final[dict[str, type | tuple[type, ...]]] = {
    "boolean": bool, "integer": int, "positiveInt": int, "unsignedInt": int, "decimal": (int, float, Decimal),
}  # fmt: skip
Element = dict[str, Any]


# fhirpathpy gives its functions no types.
parse: Any = _parse
create_node: Any = nodes.ResourceNode.create_node
get_data: Any = util.get_data
apply_parsed_path: Any = fhirpathpy.apply_parsed_path


def _has_value(collection: list[Any]) -> list[bool]:
    """FHIRPath's hasValue(), which fhirpathpy has not: one element, and a primitive."""
    return [len(collection) == 1 and not isinstance(get_data(collection[0]), dict)]


def _resolve(_: list[Any]) -> list[Any]:
    """FHIRPath's resolve(): references are not followed here, and an invariant lets that be."""
    return []


_FUNCTIONS: Final[dict[str, Any]] = {
    "userInvocationTable": {
        name: {"fn": fn, "arity": {0: []}, "nullable": False}
        for name, fn in (("hasValue", _has_value), ("resolve", _resolve))
    }
}


@functools.cache
def _parsed(expression: str) -> Any:
    return parse(expression)


def _holds(expression: str, base: str, value: Any, root: Any) -> bool:
    """Evaluate an invariant on an element that stands at `base`: an empty answer is no objection."""
    node = create_node(value, base)
    variables = {"resource": root, "rootResource": root}
    with contextlib.redirect_stdout(io.StringIO()):
        answer = apply_parsed_path(node, _parsed(expression), variables, models["r4"], _FUNCTIONS)
    return bool(answer != [False])


@functools.cache
def definitions() -> dict[str, Any]:
    """R4's, and the profiles of the guides that build on it."""
    loaded: dict[str, dict[str, Any]] = {"structures": {}, "valueSets": {}}
    for file in DEFINITIONS:
        for part, found in json.loads(file.read_text("utf-8")).items():
            loaded[part] = found | loaded[part]
    return loaded


@functools.cache
def _tree(url: str) -> tuple[dict[str, Element], dict[str, list[str]]]:
    """Elements by id, and the ids of each one's children."""
    elements = {e["id"]: e for e in definitions()["structures"][url]["elements"]}
    children: dict[str, list[str]] = {}
    for name in elements:
        if "." in name:
            children.setdefault(name.rsplit(".", 1)[0], []).append(name)
    return elements, children


def judge(resource: dict[str, Any], profile: str = "") -> list[str]:
    """What is wrong with `resource` by a profile, or by its type's definition; nothing when it conforms."""
    url = profile or BASE + resource["resourceType"]
    judgement = _Judgement(resource)
    judgement.element(url, definitions()["structures"][url]["type"], resource, resource["resourceType"], "")
    return list(dict.fromkeys(judgement.problems))


class _Judgement:
    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.problems: list[str] = []

    def say(self, path: str, problem: str) -> None:
        self.problems.append(f"{path}: {problem}")

    def element(self, url: str, name: str, value: Any, path: str, kind: str) -> None:
        """Judge one value against one element; `kind` is the type that a choice chose."""
        elements, children = _tree(url)
        element = elements[name]
        self._fixed(element, value, path)
        self._binding(element, value, path)
        self._invariants(element, value, path)
        if reference := element.get("contentReference"):
            self.element(url, reference.lstrip("#"), value, path, "")
        elif name in children:
            self._children(url, name, value, path)
        else:
            types = [t["code"] for t in element.get("type", [])]
            self._datatype(kind or (types[0] if len(types) == 1 else ""), value, path)

    def _datatype(self, kind: str, value: Any, path: str) -> None:
        if kind == "Resource" and isinstance(value, dict):
            self.problems += [f"{path}: {p}" for p in judge(value)]
        elif isinstance(value, dict):
            if BASE + kind in definitions()["structures"]:
                self.element(BASE + kind, kind, value, path, "")
        elif not _is(kind, value):
            self.say(path, f"not a {kind}")

    def _fixed(self, element: Element, value: Any, path: str) -> None:
        for key, expected in element.items():
            if (key.startswith("fixed") and value != expected) or (
                key.startswith("pattern") and not _contains(value, expected)
            ):
                self.say(path, f"must be {expected!r}")

    def _binding(self, element: Element, value: Any, path: str) -> None:
        binding = element.get("binding", {})
        listed = definitions()["valueSets"].get(binding.get("valueSet", "").partition("|")[0])
        if binding.get("strength") != "required" or listed is None:
            return
        if isinstance(value, str):
            found = any(code == value for _, code in listed)
        else:
            found = any([c.get("system"), c.get("code")] in listed for c in value.get("coding") or [value])
        if not found:
            self.say(path, f"not in {binding['valueSet']}")

    def _invariants(self, element: Element, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            return
        for rule in element.get("constraint", []):
            if rule["severity"] != "error" or "expression" not in rule:
                continue
            base = "Extension" if rule["key"] == "ext-1" else element["path"]  # where its value[x] is a choice
            if not _holds(rule["expression"], base, value, self.root):
                self.say(path, f"{rule['key']}: {rule['human']}")

    def _children(self, url: str, name: str, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            self.say(path, "not an object")
            return
        elements, children = _tree(url)
        known = {"resourceType"}
        for child in children[name]:
            if ":" in child.rsplit(".", 1)[1]:
                continue
            element, label = elements[child], child.rsplit(".", 1)[1]
            there = list(_values(element, label, value, known))
            self._count(element, len(there), f"{path}.{label}")
            self._slices(url, child, there, f"{path}.{label}")
            for key, kind, one in there:
                self.element(url, child, one, f"{path}.{key}", kind)
        for key in value:
            if key not in known:
                self.say(f"{path}.{key}", "not allowed")

    def _slices(self, url: str, name: str, there: list[tuple[str, str, Any]], path: str) -> None:
        elements, children = _tree(url)
        siblings = children[name.rsplit(".", 1)[0]]
        discriminators = elements[name].get("slicing", {}).get("discriminator", [])
        for sliced in (s for s in siblings if s.startswith(name + ":") and "/" not in s):
            element = elements[sliced]
            kinds = {t["code"] for t in element.get("type", [])}
            if name.endswith("[x]"):
                hits = [(kind, one) for _, kind, one in there if kind in kinds]
            else:
                hits = [(kind, one) for _, kind, one in there if _in_slice(url, sliced, one, discriminators)]
            label = f"{path}:{sliced.rsplit(':', 1)[1]}"
            self._count(element, len(hits), label)
            for kind, one in hits:
                self.element(url, sliced, one, label, kind)

    def _count(self, element: Element, count: int, path: str) -> None:
        if count < element["min"]:
            self.say(path, f"at least {element['min']}, found {count}")
        if element["max"] != "*" and count > int(element["max"]):
            self.say(path, f"at most {element['max']}, found {count}")


def _values(element: Element, label: str, value: dict[str, Any], known: set[str]) -> Iterator[tuple[str, str, Any]]:
    """(key, type if it is a choice, value) of each value of a child; `known` gets the keys it may have."""
    names = {label: ""}
    if label.endswith("[x]"):
        stem = label[:-3]
        names = {stem + t["code"][0].upper() + t["code"][1:]: t["code"] for t in element["type"]}
    known.update(names, {"_" + name for name in names})
    for key, kind in names.items():
        if key in value:
            found = value[key]
            for one in found if isinstance(found, list) else [found]:
                yield key, kind, one


def _is(kind: str, value: Any) -> bool:
    """Is a primitive value of its kind? Kinds that are not listed here are not judged."""
    if kind in _REGEX:
        return isinstance(value, str) and re.fullmatch(_REGEX[kind], value) is not None
    if kind in ("string", "uri", "canonical", "markdown"):
        return isinstance(value, str) and bool(value)
    if kind in _PYTHON:
        return isinstance(value, _PYTHON[kind]) and isinstance(value, bool) == (kind == "boolean")
    return True


def _contains(value: Any, pattern: Any) -> bool:
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and _contains(value[k], v) for k, v in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_contains(v, p) for v in value) for p in pattern)
    return bool(value == pattern)


def _in_slice(url: str, sliced: str, value: Any, discriminators: list[dict[str, str]]) -> bool:
    """Does `value` bear what the slice's definition fixes, deepest first, along each discriminator's path?"""
    elements, _ = _tree(url)
    for discriminator in discriminators:
        if discriminator["type"] == "type":
            continue
        steps = [] if discriminator["path"] == "$this" else discriminator["path"].split(".")
        for depth in range(len(steps), -1, -1):
            if (wanted := _fixed_at(elements, sliced, steps[:depth])) is not None:
                if not any(_contains(found, wanted) for found in _reach(value, steps[:depth])):
                    return False
                break
    return True


def _fixed_at(elements: dict[str, Element], sliced: str, steps: list[str]) -> Any:
    """What is fixed at a path below a slice, across the slices that lie on the way."""
    way = re.compile(re.escape(sliced) + "".join(rf"\.{re.escape(step)}(:[^.]+)?" for step in steps) + "$")
    for name, element in elements.items():
        if way.match(name):
            for key, expected in element.items():
                if key.startswith(("fixed", "pattern")):
                    return expected
    return None


def _reach(value: Any, steps: list[str]) -> list[Any]:
    found = [value]
    for step in steps:
        found = [
            item
            for one in found
            if isinstance(one, dict) and step in one
            for item in (one[step] if isinstance(one[step], list) else [one[step]])
        ]
    return found
