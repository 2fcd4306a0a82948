"""A professional's record lays several metrics side by side, on one axis of time."""

from __future__ import annotations

import gzip
import re

import pytest
from django.test import Client

from egide.cloud.consent.restrictions import restrict
from egide.measure.readings import Series
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import HOUR_MS, spot


@pytest.fixture
def bob(cast: Cast, enter: Enter) -> Client:
    return enter(cast.bob)


def page_of(client: Client, cast: Cast, query: str = "") -> str:
    answer = client.get(f"/patients/{cast.alice.pk}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def panels(page: str) -> list[str]:
    """Each metric that stands beside the others, as its part of the page."""
    _, _, after = page.partition('<ul class="beside">')
    return after.partition("</ul>")[0].split("<li>")[1:]


def named(page: str) -> list[str]:
    return [re.findall(r'class="metric"[^>]*>([^<]+)<', panel)[0] for panel in panels(page)]


def test_the_metrics_of_the_person_stand_side_by_side(cast: Cast, bob: Client) -> None:
    """Glucose first, blood pressure, pulse: each drawn, on the same marks of time; the battery is not."""
    page = page_of(bob, cast, "?period=24h")
    assert named(page)[0].endswith("glucose")
    assert {"Blood pressure", "Heart rate"} <= set(named(page))
    assert all("<svg" in panel for panel in panels(page))
    times = {tuple(re.findall(r'x="([\d.]+%)"', panel)) for panel in panels(page)}
    assert len(times) == 1
    assert times != {()}
    assert "Other measurements" in page
    assert "<script>" not in page


def test_trust_and_quality_of_every_reading_are_one_link_away(cast: Cast, bob: Client) -> None:
    """Each panel has them of its last reading, and leads to the table of every value."""
    for panel in panels(page_of(bob, cast, "?period=7d")):
        assert "marks.svg#" in panel
        assert "/reading/" in panel
        every = re.findall(r'href="([^"]*#table-title)"', panel)
        assert len(every) == 1
        table = bob.get(every[0].replace("&amp;", "&")).content.decode()
        rows = table.partition("<tbody")[2].partition("</tbody>")[0].split("<tr")[1:]
        assert rows
        assert all("marks.svg#" in row and "/reading/" in row for row in rows)


def test_tables_say_the_same_for_who_sees_no_drawing(cast: Cast, bob: Client) -> None:
    """Every panel as a table, with trust and quality on each line; a drawing has its words too."""
    drawn = panels(page_of(bob, cast, "?period=24h"))
    assert all(re.search(r'role="img" aria-labelledby="b-\d t-\d"', panel) for panel in drawn)
    assert all(re.search(r"[\d,]+ values?", panel) for panel in drawn)
    written = panels(page_of(bob, cast, "?period=24h&as=tables"))
    assert len(written) == len(drawn)
    for panel in written:
        rows = panel.partition("<tbody")[2].split("<tr")[1:]
        assert rows
        assert all("marks.svg#" in row for row in rows)


def test_one_chooses_which_metrics(cast: Cast, bob: Client) -> None:
    """Only those; the rest is listed with its last reading; a code that is none changes nothing; eight at most."""
    page = page_of(bob, cast, "?period=7d&m=8480-6&m=29463-7&m=nonsense")
    assert sorted(named(page)) == ["Blood pressure", "Body weight"]
    assert "Heart rate" in page.partition("Other measurements")[2]
    assert "&amp;m=8480-6&amp;m=29463-7" in page.replace("&amp;m=29463-7&amp;m=8480-6", "&amp;m=8480-6&amp;m=29463-7")
    assert named(page_of(bob, cast, "?period=7d&m=nonsense")) == named(page_of(bob, cast, "?period=7d"))


def test_news_keep_what_was_chosen(cast: Cast, bob: Client) -> None:
    """The part that renews itself draws the same metrics, with the new value."""
    page = page_of(bob, cast, "?period=24h&m=8867-4")
    assert "/latest?period=24h&amp;m=8867-4" in page
    newest = cast.watch.send(spot("8867-4", "/min", "71"), t0_ms=NOW - 60_000)
    answer = bob.get(f"/patients/{cast.alice.pk}/latest?period=24h&m=8867-4&after={newest - 1}")
    assert named(answer.content.decode()) == ["Heart rate"]


def test_a_doubtful_value_is_hollow_and_counted(cast: Cast, bob: Client) -> None:
    """It is neither hidden nor joined to the curve."""
    odd = Series(code="8310-5", unit="Cel", times=300_000_000, exponent=-1, values=(370, 990, 371))
    cast.watch.send(odd, t0_ms=NOW - 900_000)
    panel = panels(page_of(bob, cast, "?period=24h&m=8310-5"))[0]
    assert "1 to be checked" in panel
    assert re.search(r'class="ring" d="M[\d.]+ ', panel)


def test_two_units_stand_on_one_axis(cast: Cast, bob: Client) -> None:
    """Weight in pounds and in kilogrammes: told in the unit of the last."""
    cast.scale.send(spot("29463-7", "[lb_av]", "154.0"), t0_ms=NOW - 2 * HOUR_MS)
    cast.scale.send(spot("29463-7", "kg", "70.0"), t0_ms=NOW - HOUR_MS)
    panel = panels(page_of(bob, cast, "?period=3h&m=29463-7"))[0]
    assert "69.9 to 70.0 kg" in panel


def test_what_is_restricted_was_never_measured(cast: Cast, bob: Client) -> None:
    """Neither a panel nor a choice betrays it."""
    restrict(cast.alice, families=("glucose",), who=cast.bob, now_ms=NOW - 120_000)
    page = page_of(bob, cast, "?period=24h&m=99504-3&m=8480-6")
    assert named(page) == ["Blood pressure"]
    assert "Glucose" not in page


def test_patients_and_relatives_keep_their_page(cast: Cast, bob: Client, enter: Enter) -> None:
    """One chart at a time, as before; and a professional who chose one metric sees it alone, with a way back."""
    assert panels(enter(cast.alice).get("/me").content.decode()) == []
    alone = page_of(bob, cast, "?period=24h&metric=8867-4")
    assert panels(alone) == []
    assert "data-chart" in alone
    assert "Charts side by side" in alone


@pytest.mark.parametrize("period", ["24h", "90d"])
def test_the_page_is_small(cast: Cast, bob: Client, period: str) -> None:
    """Under 100 kB compressed, drawings and all."""
    assert len(gzip.compress(page_of(bob, cast, f"?period={period}").encode())) < 40_000


def test_who_is_in_the_team_finds_the_follow_up_and_who_is_not_finds_nothing(cast: Cast, bob: Client) -> None:
    """A follow-up that was begun without papers has no page: no link leads to one."""
    assert "/follow-up" not in page_of(bob, cast)
    assert "/include" not in page_of(bob, cast)
