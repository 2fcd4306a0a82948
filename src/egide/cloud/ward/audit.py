"""What an auditor may see: the register, its checkpoints and witnesses, and whether statements hold. Nobody's data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Max, Min

from egide.cloud.register.models import Checkpoint, Log, Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

__all__ = ["Epoch", "Kind", "Sample", "epochs", "kinds", "points", "sample"]

_SAMPLE: Final = 200
_POINTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One log: its name, how far it came, since when."""

    origin: str
    size: int
    root: str
    opened_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A signed checkpoint, and who cosigned it."""

    size: int
    at_ms: int
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of statement, counted: its word is the register's own."""

    kind: str
    count: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The latest statements, checked now against the platform's key: how many hold, of how many."""

    holding: int
    read: int


def epochs() -> list[Epoch]:
    """Every log, the one in force first."""
    return [
        Epoch(origin=log.origin, size=log.size, root=bytes(log.root).hex(), opened_ms=log.opened_ms)
        for log in Log.objects.order_by("-pk")
    ]


def points() -> list[Point]:
    """The latest checkpoints, newest first."""
    rows = Checkpoint.objects.order_by("-log", "-size").prefetch_related("cosignatures")[:_POINTS]
    return [
        Point(size=row.size, at_ms=row.at_ms, witnesses=tuple(sorted(c.witness for c in row.cosignatures.all())))
        for row in rows
    ]


def kinds() -> list[Kind]:
    """What the register's statements are about, most first. Their facts are not opened."""
    rows = Statement.objects.values("kind").annotate(n=Count("entry"), first=Min("at_ms"), last=Max("at_ms"))
    return [
        Kind(kind=row["kind"], count=row["n"], first_ms=row["first"], last_ms=row["last"])
        for row in rows.order_by("-n", "kind")
    ]


def sample() -> Sample:
    """Check the latest statements' signatures, here and now; `egide fsck` checks everything."""
    key = platform().signer.public_key
    bodies = list(Statement.objects.order_by("-entry").values_list("body", flat=True)[:_SAMPLE])
    return Sample(holding=sum(_holds(bytes(body), key) for body in bodies), read=len(bodies))


def _holds(body: bytes, key: object) -> bool:
    try:
        Sign1.parse(body, limit=LIMITS.journal, what="statement").verify(key)  # type: ignore[arg-type]
    except EgideError:
        return False
    return True
