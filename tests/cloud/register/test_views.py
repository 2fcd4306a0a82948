"""The register's public face: what anyone may fetch, and that it fits together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from egide import cbor
from egide.cloud.register import views
from egide.cloud.register.models import Checkpoint, Log, Tile
from egide.cloud.register.store import Register, appending, head_of
from egide.errors import EgideError, MalformedError
from egide.trust.register.tiles import TileNodes, tile_path
from egide.trust.register.tree import leaf_hash, root_hash, verify_consistency

SIZE = 300
FIRST = "3f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f"
SECOND = "4f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f"
LEAVES = [leaf_hash(bytes([i % 256, i // 256])) for i in range(SIZE)]
Get = Callable[..., HttpResponse]


def _log(uuid: str) -> Log:
    return Log.objects.create(
        origin=f"egide/log/{uuid}", uri=f"urn:uuid:{uuid}", kid=bytes(32), public=bytes(44), opened_ms=1,
        size=0, root=hashlib.sha256().digest(),
    )  # fmt: skip


@pytest.fixture
def get(db: None) -> Get:
    """GET of a view, on a platform with two epochs: 300 leaves, then 5."""
    for uuid, leaves in ((FIRST, LEAVES), (SECOND, LEAVES[:5])):
        log = _log(uuid)
        with appending():
            Register(log.pk).append(leaves)

    def ask(view: Callable[..., HttpResponse], *given: object, **query: str) -> HttpResponse:
        return view(RequestFactory().get("/", query), *given)

    return ask


def _tile(get: Get, level: int, n: int, width: int) -> bytes:
    text = tile_path(level, n, width).split("/", 2)[2]
    response = get(views.tile, level, text, log=FIRST)
    assert response.status_code == 200
    return response.content


def test_the_tiles_give_the_root(get: Get) -> None:
    """Whoever fetches every tile computes the head that was committed."""

    def fetch(level: int, n: int) -> bytes:
        whole = SIZE >> (8 * level)
        return _tile(get, level, n, min(256, whole - 256 * n))

    first = Log.objects.get(uri=f"urn:uuid:{FIRST}")
    assert root_hash(SIZE, TileNodes(fetch)) == head_of(first.pk).root


def test_a_tile_may_be_had_as_it_was(get: Get) -> None:
    """A partial tile of any smaller width: proofs for an old checkpoint still work."""
    assert _tile(get, 0, 0, 7) == b"".join(LEAVES[:7])
    assert _tile(get, 0, 1, SIZE - 256) == b"".join(LEAVES[256:])


@pytest.mark.parametrize(
    ("level", "text", "status"),
    [
        (0, "001.p/45", 404), (0, "001", 404), (0, "002", 404), (2, "000", 404), (64, "000", 400),
        (0, "1", 400), (0, "x000/001", 400), (0, "000.p/256", 400),
    ],
)
def test_no_other_tile_exists(get: Get, level: int, text: str, status: int) -> None:
    """Wider than the log, beyond it, or badly written."""
    assert get(views.tile, level, text, log=FIRST).status_code == status


def test_each_size_is_proved_to_be_a_prefix_of_the_next(get: Get) -> None:
    """An object that remembers a checkpoint follows the log from there."""
    response = get(views.consistency, sizes="1,5,256,300", log=FIRST)
    proofs = cbor.decode(response.content, limit=10_000)
    assert [proof[:2] for proof in proofs] == [[1, 5], [5, 256], [256, 300]]
    tiles = Tile.objects.filter(log__uri=f"urn:uuid:{FIRST}")
    nodes = TileNodes(lambda level, n: bytes(tiles.get(level=level, n=n).data))
    for a, b, path in proofs:
        verify_consistency(a, root_hash(a, nodes), b, root_hash(b, nodes), path)


@pytest.mark.parametrize(
    ("sizes", "status"),
    [(text, 400) for text in ("", "5", "5,5", "9,5", "0,5", "1,x", "1,²", "01,5")] + [("1,6", 404)],
)
def test_no_other_proof_exists(get: Get, sizes: str, status: int) -> None:
    """Of the epoch in force (5 leaves) when none is named."""
    assert get(views.consistency, sizes=sizes).status_code == status


def test_a_checkpoint_comes_with_its_witnesses(get: Get) -> None:
    """The latest signed note of the log that is named, or of the epoch in force."""
    first, second = Log.objects.order_by("id")
    assert get(views.checkpoint).status_code == 404
    for log, size in ((second, 3), (second, 5), (first, 300)):
        made = Checkpoint.objects.create(log=log, size=size, note=f"{log.origin}\n{size}\n", at_ms=1)
    made.cosignatures.create(witness="w", line="— w AAAA", at_ms=1)
    assert get(views.checkpoint).content.decode() == f"{second.origin}\n5\n"
    assert get(views.checkpoint, log=FIRST).content.decode() == f"{first.origin}\n300\n— w AAAA\n"


@pytest.mark.parametrize(("log", "status"), [("5f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f", 404), ("x", 400)])
def test_an_unknown_log_is_said(get: Get, log: str, status: int) -> None:
    """By its uuid only."""
    assert get(views.checkpoint, log=log).status_code == status


def test_before_the_register_opens_there_is_nothing(db: None) -> None:
    """503: come back."""
    assert views.checkpoint(RequestFactory().get("/")).status_code == 503
    response = views.epochs(RequestFactory().get("/"))
    assert cbor.decode(response.content, limit=10) == []


@given(st.integers(0, 63), st.integers(0, 2**50), st.integers(1, 256))
def test_a_tile_s_path_is_read_back(level: int, n: int, width: int) -> None:
    """parse_tile is the inverse of tile_path."""
    assert views.parse_tile(level, tile_path(level, n, width).split("/", 2)[2]) == (n, width)


@given(st.text(max_size=40) | st.text(alphabet="x0123456789./p", max_size=40))
def test_any_path_ends_in_a_tile_or_our_error(text: str) -> None:
    """Nothing else than our errors; and no tile has two names."""
    try:
        n, width = views.parse_tile(0, text)
    except EgideError:
        return
    assert tile_path(0, n, width) == f"tile/0/{text}"


NUMBERS = st.lists(st.integers(0, 10**16), max_size=20).map(lambda sizes: ",".join(map(str, sizes)))


@given(st.text(max_size=300) | NUMBERS)
def test_any_sizes_end_in_growing_numbers_or_our_error(text: str) -> None:
    """Two to sixteen numbers that grow."""
    try:
        sizes = views.parse_sizes(text)
    except MalformedError:
        return
    assert 2 <= len(sizes) <= 16
    assert all(a < b for a, b in pairwise(sizes))
