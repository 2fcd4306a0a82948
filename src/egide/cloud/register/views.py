"""The register's public face: heads, hashes and proofs. Entries are not served (C2SP tlog-tiles).

- GET /log/checkpoint[?log=]                       the latest signed note, with its witnesses' lines
- GET /log/tile/<level>/<n>[.p/<width>][?log=]     hashes
- GET /log/consistency?sizes=5,9,12[&log=]         CBOR [[5, 9, [hash...]], [9, 12, [hash...]]]
- GET /log/epochs                                  CBOR list of the genesis statements, oldest first

`log` is the uuid of an epoch; without it, the one in force.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from django.http import HttpRequest, HttpResponse

from egide import cbor
from egide.cloud.http import binary, objects_view
from egide.cloud.register.models import Checkpoint, Log, Statement
from egide.cloud.register.platform import platform
from egide.cloud.register.store import current_log, get_tile, head_of, nodes_of
from egide.errors import MalformedError, NotFoundError
from egide.trust.envelope import uuid_of
from egide.trust.register.tiles import TILE_WIDTH, tile_path
from egide.trust.register.tree import HASH_SIZE, consistency_path

__all__ = ["checkpoint", "consistency", "epochs", "parse_sizes", "parse_tile", "tile"]

CBOR_TYPE: Final = "application/cbor"
MAX_SIZES: Final = 16
_TILE: Final = re.compile(r"((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_SIZE: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)


def parse_tile(level: int, text: str) -> tuple[int, int]:
    """(n, width) of what follows `tile/<level>/`. Raises MalformedError when no tile is written so."""
    found = _TILE.fullmatch(text)
    if found is None:
        raise MalformedError("no tile is written so")
    n, width = int(re.sub("[x/]", "", found[1])), int(found[2] or TILE_WIDTH)
    if tile_path(level, n, width) != f"tile/{level}/{text}":
        raise MalformedError("no tile is written so")
    return n, width


def parse_sizes(text: str) -> list[int]:
    """2 to MAX_SIZES sizes, growing. Raises MalformedError."""
    parts = text.split(",") if len(text) <= 16 * MAX_SIZES else []
    if not 2 <= len(parts) <= MAX_SIZES or not all(map(_SIZE.fullmatch, parts)):
        raise MalformedError("sizes are 2 to 16 numbers, with commas")
    sizes = [int(part) for part in parts]
    if sizes != sorted(set(sizes)):
        raise MalformedError("sizes grow")
    return sizes


@objects_view("GET")
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The latest signed note of a log, as text."""
    last = Checkpoint.objects.filter(log=_log(request)).order_by("-size").first()
    if last is None:
        raise NotFoundError("this log has no checkpoint yet")
    lines = [line if line.endswith("\n") else line + "\n" for line in _lines(last)]
    return HttpResponse(last.note + "".join(lines), content_type="text/plain; charset=utf-8")


@objects_view("GET")
def tile(request: HttpRequest, level: int, text: str) -> HttpResponse:
    """The hashes of one tile, 32 bytes each; a full one never changes."""
    n, width = parse_tile(level, text)
    data = get_tile(_log(request).pk, level, n)
    if len(data) < width * HASH_SIZE:
        raise NotFoundError("this tile is not as wide yet")
    response = binary(data[: width * HASH_SIZE], "application/octet-stream")
    if "log" in request.GET:  # without, the address means another log after a restore
        response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@objects_view("GET")
def consistency(request: HttpRequest) -> HttpResponse:
    """The proofs that each size is a prefix of the next."""
    sizes, log = parse_sizes(request.GET.get("sizes", "")), _log(request)
    if sizes[-1] > head_of(log.pk).size:
        raise NotFoundError("the log is not as large")
    nodes = nodes_of(log.pk)
    proofs = [[a, b, consistency_path(a, b, nodes)] for a, b in pairwise(sizes)]
    return binary(cbor.encode(proofs), CBOR_TYPE)


@objects_view("GET")
def epochs(_: HttpRequest) -> HttpResponse:
    """How each epoch opened, and what it says of the one before."""
    bodies = list(Statement.objects.filter(kind="genesis").order_by("entry").values_list("body", flat=True))
    chain = list(platform().chain) if bodies else []
    return binary(cbor.encode([[bytes(body), chain] for body in bodies]), CBOR_TYPE)


def _lines(last: Checkpoint) -> list[str]:
    return list(last.cosignatures.order_by("witness").values_list("line", flat=True))


def _log(request: HttpRequest) -> Log:
    named = request.GET.get("log")
    if named is None:
        return current_log()
    uri = f"urn:uuid:{named}"
    uuid_of(uri)
    log = Log.objects.filter(uri=uri).first()
    if log is None:
        raise NotFoundError("no such log")
    return log
