"""Searching: which observations, in which order, page by page."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.fhir import paging
from egide.cloud.fhir.exact import dumps
from egide.cloud.fhir.search import parse_cursor, parse_search, write_cursor
from egide.errors import MalformedError
from tests.cloud.conftest import NOW
from tests.cloud.fhir.conftest import Get, link, resources, walk
from tests.support.cast import Cast
from tests.support.fhir_profile import judge
from tests.support.ward import HOUR_MS, spot


def when(resource: dict[str, object]) -> str:
    period = resource.get("effectivePeriod")
    return str(period["start"] if isinstance(period, dict) else resource["effectiveDateTime"])


@pytest.mark.parametrize("order", ["date", "-date"])
@pytest.mark.parametrize("count", [7, 60])
def test_pages_make_the_whole_without_hole_or_double(cast: Cast, get: Get, order: str, count: int) -> None:
    """Following `next` gives, in order, exactly what one large page gives."""
    _, whole = get(cast.alice, f"Observation?_sort={order}&_count=1000&code=99504-3,8867-4,85354-9")
    pages = list(walk(get, cast.alice, f"Observation?_sort={order}&_count={count}&code=99504-3,8867-4,85354-9"))
    assert [r for page in pages for r in resources(page)] == resources(whole)
    assert len(pages) > 2
    assert all(len(resources(page)) == count for page in pages[:-1])
    times = [when(r) for r in resources(whole)]
    assert times == sorted(times, reverse=order == "-date")
    assert whole["total"] == len(times)


def test_a_page_is_filled_from_a_stretch_not_from_the_whole(
    cast: Cast, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With small stretches the pages are the same: growing them loses and doubles nothing."""
    _, whole = get(cast.alice, "Observation?_count=1000")
    monkeypatch.setattr(paging, "_FIRST_TRY", 1)
    monkeypatch.setattr(paging, "_GROWTH", 2)
    for order in ("date", "-date"):
        pages = list(walk(get, cast.alice, f"Observation?_sort={order}&_count=5&date=ge2026-11-21T17:00:00Z"))
        found = [r for page in pages for r in resources(page)]
        _, one = get(cast.alice, f"Observation?_sort={order}&_count=1000&date=ge2026-11-21T17:00:00Z")
        assert found == resources(one)
    assert 0 < len(found) < len(resources(whole))


def test_what_comes_meanwhile_does_not_move_the_pages(cast: Cast, get: Get) -> None:
    """A new reading is before the first page, not inside the next."""
    _, first = get(cast.alice, "Observation?_count=5")
    following = link(first, "next")
    assert following
    _, before = get(cast.alice, following)
    cast.watch.send(spot("8867-4", "/min", "70"), t0_ms=NOW - 1_000)
    _, after = get(cast.alice, following)
    assert resources(after) == resources(before)


def test_links_are_ours_and_say_what_was_asked(cast: Cast, get: Get) -> None:
    """self repeats the question, next goes on; both valid, absolute and of this server."""
    _, bundle = get(cast.alice, "Observation?code=http://loinc.org|8867-4&_count=3")
    assert judge(bundle) == []
    assert link(bundle, "self") == "http://testserver/fhir/Observation?code=http%3A%2F%2Floinc.org%7C8867-4&_count=3"
    assert (link(bundle, "next") or "").startswith("http://testserver/fhir/Observation?code=")


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("8867-4", {"8867-4"}),
        ("http://loinc.org|8867-4", {"8867-4"}),
        ("urn:iso:std:iso:11073:10101|147842", {"8867-4"}),
        ("85354-9", {"85354-9"}),
        ("8310-5,29463-7", {"8310-5", "29463-7"}),
        ("http://loinc.org|147842", set()),
        ("1-8", set()),
    ],
)
def test_a_code_is_a_token(cast: Cast, get: Get, query: str, codes: set[str]) -> None:
    """With or without its system; a panel by its own code; nothing is found for what nothing says."""
    cast.scale.send(spot("29463-7", "kg", "70.1"), t0_ms=NOW - HOUR_MS)
    _, bundle = get(cast.alice, f"Observation?_count=1000&code={quote(query)}")
    assert {r["code"]["coding"][0]["code"] for r in resources(bundle)} == codes


def test_a_general_code_finds_the_more_precise_ones(cast: Cast, get: Get) -> None:
    """Body temperature finds the oral one, which bears both codes."""
    cast.scale.send(spot("8331-1", "Cel", "36.9"), t0_ms=NOW - HOUR_MS)
    _, bundle = get(cast.alice, "Observation?code=8310-5")
    assert {r["code"]["coding"][-2]["code"] for r in resources(bundle)} >= {"8310-5"}
    assert len(resources(bundle)) == 2


MINUTE = "2026-11-21T20:13"
AT = int(datetime(2026, 11, 21, 20, 13, 20, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("date", "found"),
    [
        (f"{MINUTE}:20Z", True),
        (f"eq{MINUTE}Z", True),
        ("2026-11-21", True),
        ("2026-11", True),
        ("2026", True),
        ("2026-11-22", False),
        ("2025", False),
        (f"ge{MINUTE}:20Z", True),
        (f"gt{MINUTE}:20Z", False),
        (f"gt{MINUTE}:19Z", True),
        (f"sa{MINUTE}:19Z", True),
        (f"le{MINUTE}:20Z", True),
        (f"lt{MINUTE}:20Z", False),
        (f"eb{MINUTE}:21Z", True),
        ("2026-11-21T21:13:20+01:00", True),
        ("2026-11-21T21:13:20", True),  # the server's own zone, Paris
        (f"{MINUTE}:20.000Z", True),
        (f"{MINUTE}:20.001Z", False),
    ],
)
def test_a_date_means_the_span_that_it_is_precise_to(cast: Cast, get: Get, date: str, found: bool) -> None:
    """Each prefix and precision, at its exact edge."""
    cast.scale.send(spot("34714-6", "{INR}", "2.4"), t0_ms=AT)
    _, bundle = get(cast.alice, f"Observation?code=34714-6&date={quote(date)}")
    assert bool(resources(bundle)) is found


@pytest.mark.parametrize(
    "query",
    [
        "colour=red", "code:not=1", "patient.name=x", "date=2026-13", "date=2026-02-30", "date=x", "date=",
        "_count=-1", "_count=x", "_sort=code", "_cursor=x", "code=", "code=|", "code=1&code=2", "patient=x",
        f"_purpose={'X' * 17}", "patient=a&subject=b", "date=0000-01-01",
    ],
)  # fmt: skip
def test_a_wrong_question_is_told_so(cast: Cast, get: Get, query: str) -> None:
    """A filter is never ignored in silence."""
    status, outcome = get(cast.alice, f"Observation?{query}")
    assert (status, outcome["issue"][0]["code"]) == (400, "invalid")
    assert judge(outcome) == []


NAMES = st.sampled_from(["patient", "subject", "code", "date", "_count", "_sort", "_cursor", "x"])
PARTS = st.sampled_from(
    ["eq", "ge", "2026", "-11", "-21", "T10:00", ":30", ".5", "Z", "+02:00", "|", ",", "1", "-", "9" * 20]
)


@given(
    st.lists(st.tuples(NAMES, st.one_of(st.text(max_size=40), st.lists(PARTS, max_size=8).map("".join))), max_size=4)
)
def test_no_query_does_anything_but_parse_or_be_refused(pairs: list[tuple[str, str]]) -> None:
    """Whatever comes, it is a Search with a sane period, or MalformedError."""
    query = QueryDict(mutable=True)
    for name, value in pairs:
        query.appendlist(name, value)
    with contextlib.suppress(MalformedError):
        found = parse_search(query, now_ms=NOW)
        assert found.since_ms >= 0
        assert found.until_ms >= 0
        assert 0 <= found.count <= 1000


@given(st.text(max_size=60))
def test_a_cursor_is_ours_or_refused(text: str) -> None:
    """What nobody signed is no place in a list."""
    with pytest.raises(MalformedError):
        parse_cursor(text, QueryDict(), "somebody")


def test_a_cursor_is_good_for_who_got_it_and_for_what_they_asked() -> None:
    """Another reader, or another question, cannot use it; the size of a page may change."""
    asked, other = QueryDict("code=8867-4&_count=5"), QueryDict("code=8310-5&_count=5")
    cursor = write_cursor((1, 2, 3, 4, "a"), asked, "alice")
    assert parse_cursor(cursor, QueryDict("_count=7&code=8867-4"), "alice") == (1, 2, 3, 4, "a")
    for query, who in ((asked, "bob"), (other, "alice")):
        with pytest.raises(MalformedError):
            parse_cursor(cursor, query, who)


json_values = st.recursive(
    st.booleans() | st.text(max_size=20) | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.text(max_size=8), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_json_is_exact(value: object) -> None:
    """What is written is read back as the very same decimals and strings."""

    def plain(item: object) -> object:
        if isinstance(item, dict):
            return {k: plain(v) for k, v in item.items()}
        if isinstance(item, list):
            return [plain(v) for v in item]
        return str(item) if isinstance(item, Decimal) else item

    assert json.loads(dumps(value), parse_float=str) == plain(value)


@pytest.mark.parametrize("value", [None, 1.5, [], {}, Decimal("NaN"), b"x"])
def test_what_fhir_has_not_is_never_written(value: object) -> None:
    """No null, no float, nothing empty."""
    with pytest.raises(MalformedError):
        dumps({"a": value})
