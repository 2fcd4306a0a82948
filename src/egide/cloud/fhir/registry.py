"""What this server does, resource by resource: the addresses, the searches and the CapabilityStatement all read this.

Whoever adds something adds it here, and it is served and declared; an app above this one does so when it is ready.

    RESOURCES["Group"] = Resource(type="Group", read=..., search=..., parameters=(...))
    WRITES["Observation"] = Write(code="create", run=...)          POST [base]/Observation; "" is POST [base]
    OPERATIONS["Observation", "$lastn"] = Operation(name="$lastn", ...)   [base]/Observation/$lastn
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse

from egide.cloud.fhir.asked import Asked

__all__ = ["OPERATIONS", "RESOURCES", "WRITES", "Operation", "Parameter", "Resource", "Write"]

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter: its name, its type (token, reference, date, quantity, string, uri), what it finds."""

    name: str
    type: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A type of resource: how one is read, how some are found. Both go through the door, and raise as it does.

    `read` takes the id and returns the resource; `search` returns a searchset Bundle; `history` returns the versions of
    one, the latest first. `mandatory` are the elements that no `_elements` takes away, `summary` those of a summary.
    """

    type: str
    read: Callable[[Asked, str], Body] | None = None
    search: Callable[[Asked], Body] | None = None
    history: Callable[[Asked, str], list[Body]] | None = None
    parameters: tuple[Parameter, ...] = ()
    profiles: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    revincludes: tuple[str, ...] = ()
    mandatory: frozenset[str] = frozenset()
    summary: frozenset[str] = frozenset()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation. `run` gets what was asked and the id it was asked of ("" for a type or the whole server).

    `changes`: it takes POST alone. `kind` is the type, "" for one of the whole server.
    """

    name: str
    definition: str
    run: Callable[[Asked, str], HttpResponse | Body]
    text: str = ""
    on_type: bool = True
    on_instance: bool = False
    changes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What POST does at a type's address ("" is the base): `code` is create, transaction or batch, as FHIR says it.

    `run` reads the body itself, and answers; it makes sure that a cookie alone never writes.
    """

    codes: tuple[str, ...]
    run: Callable[[Asked], HttpResponse]


RESOURCES: Final[dict[str, Resource]] = {}
#: By type ("" for the whole server) and name, which begins with "$".
OPERATIONS: Final[dict[tuple[str, str], Operation]] = {}
WRITES: Final[dict[str, Write]] = {}
