"""Scopes of SMART App Launch 2.2: `patient/Observation.rs?category=vital-signs`. Pure: a scope limits, it never opens.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from egide.errors import MalformedError

if TYPE_CHECKING:
    from egide.cloud.fhir.reader import Reader

__all__ = ["Scope"]

_FORM: Final = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?)(?:\?(.{1,300}))?")
#: SMART's letters: what each lets one do, as FHIR names interactions.
_LETTERS: Final = {
    "create": "c", "read": "r", "vread": "r", "history-instance": "r", "update": "u", "patch": "u", "delete": "d",
    "search-type": "s", "search": "s", "history-type": "s",
}  # fmt: skip
#: The elements that a granular parameter looks at: those of which a resource alone can tell.
_ELEMENTS: Final = {
    "_id": "id", "category": "category", "code": "code", "status": "status", "patient": "subject", "subject": "subject",
    "device": "device",
}  # fmt: skip
_ABOUT_PATIENT: Final = ("subject", "patient", "individual", "beneficiary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One scope: a level, a type of resource or `*`, letters of `cruds`, and parameters that narrow it."""

    level: str
    type: str
    letters: str
    parameters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read one scope.

        Raises:
            MalformedError: not a scope of version 2, or a parameter that nothing here can check.
        """
        match = _FORM.fullmatch(text)
        if match is None or not match[3]:
            raise MalformedError("not a SMART scope of version 2")
        pairs = tuple(parse_qsl(match[4], keep_blank_values=True)) if match[4] else ()
        if (match[4] and not pairs) or any(name not in _ELEMENTS or not value for name, value in pairs):
            raise MalformedError("a scope is narrowed by what this server can check")
        return cls(level=match[1], type=match[2], letters=match[3], parameters=pairs)

    def __str__(self) -> str:
        tail = "&".join(f"{name}={value}" for name, value in self.parameters)
        return f"{self.level}/{self.type}.{self.letters}" + (f"?{tail}" if tail else "")

    def allows(self, reader: Reader, kind: str, interaction: str, resource: dict[str, Any] | None = None) -> bool:
        """Whether it lets `reader` do `interaction` on `kind`; with `resource`, on that one.

        An interaction or a parameter that is not known is a no.
        """
        letter = _LETTERS.get(interaction, "")
        if not letter or letter not in self.letters or self.type not in {"*", kind}:
            return False
        if self.level == "patient" and reader.patient is None:
            return False
        if self.level == "user" and reader.account is None:
            return False
        if resource is None:
            return True
        if self.level == "patient" and not _concerns(resource, str(reader.patient)):
            return False
        return all(_holds(resource, name, value) for name, value in self.parameters)


def _concerns(resource: dict[str, Any], patient: str) -> bool:
    """About the patient of the launch, or about nobody (an object, a professional): those the door judges alone."""
    if resource.get("resourceType") == "Patient":
        return resource.get("id") == patient
    about = [resource[name] for name in _ABOUT_PATIENT if name in resource]
    return all(reference.get("reference") == f"Patient/{patient}" for reference in about)


def _holds(resource: dict[str, Any], name: str, value: str) -> bool:
    """Whether an element says one of the values, which are separated by commas."""
    element = resource.get(_ELEMENTS[name])
    if element is None and name in {"patient", "subject"}:
        element = resource.get("patient")
    said = list(_said(element))
    return any(_is(token, system, code) for token in value.split(",") for system, code in said)


def _said(element: Any) -> Iterator[tuple[str, str]]:
    """(system, code) of what an element says, whatever its type."""
    if isinstance(element, str):
        yield "", element
    elif isinstance(element, list):
        for item in element:
            yield from _said(item)
    elif isinstance(element, dict):
        for coding in element.get("coding", ()):
            yield coding.get("system", ""), coding.get("code", "")
        if "reference" in element:
            yield "", element["reference"]
            yield "", element["reference"].rpartition("/")[2]


def _is(token: str, system: str, code: str) -> bool:
    wanted, bar, value = token.rpartition("|")
    return value == code and (not bar or wanted == system)
