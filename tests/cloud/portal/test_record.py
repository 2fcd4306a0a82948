"""What a record's pages say of readings, and that each look is one access in the journal."""

from __future__ import annotations

import json
import re

import pytest

from egide.cloud.consent.restrictions import restrict
from egide.cloud.portal.record import readings_of
from egide.cloud.register.publishing import publish
from egide.cloud.register.store import split_entry
from egide.cloud.release.door import Ask, release
from egide.cloud.release.journal import journal_of
from egide.cloud.release.proof import platform_anchors
from egide.measure.readings import Series
from egide.trust.evidence import verify_evidence
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
from tests.support.cast import Cast
from tests.support.ward import HOUR_MS, spot


def accesses(cast: Cast) -> int:
    return len(journal_of(cast.alice))


def series(page: str) -> dict[str, object]:
    """The points that a page carries for its chart."""
    match = re.search(r'data-series="([^"]*)"', page)
    assert match
    text = match[1].replace("&quot;", '"')
    found: dict[str, object] = json.loads(text) if text else {}
    return found


@pytest.mark.parametrize("path", ["/", "/me", "/me?metric=8480-6", "/me/series?code=8867-4"])
def test_a_look_is_one_access(cast: Cast, enter: Enter, path: str) -> None:
    """A page carries its chart's points, so that opening it asks the door once."""
    before = accesses(cast)
    assert enter(cast.alice).get(path).status_code == 200
    assert accesses(cast) == before + 1


def test_asking_for_news_without_news_is_no_access(cast: Cast, enter: Enter) -> None:
    """A page left open does not fill the journal: it asks the door only when something came."""
    client = enter(cast.alice)
    newest = cast.watch.send(spot("8867-4", "/min", "71"), t0_ms=NOW - 60_000)
    before = accesses(cast)
    quiet = client.get(f"/me/latest?after={newest}")
    assert quiet.headers["HX-Reswap"] == "none"
    assert b"/min" not in quiet.content
    assert accesses(cast) == before
    answer = client.get(f"/me/latest?after={newest - 1}")
    assert answer.status_code == 200
    assert f'value="{newest}"' in answer.content.decode()
    assert accesses(cast) == before + 1


def test_whether_anything_came_is_told_only_to_whom_the_record_is_open(cast: Cast, enter: Enter) -> None:
    """Somebody without a ground hears no difference between a silent patient and a busy one."""
    newest = cast.watch.send(spot("8867-4", "/min", "71"), t0_ms=NOW - 60_000)
    for reader in (cast.diane, cast.charlie):
        client = enter(reader)
        answers = [client.get(f"/patients/{cast.alice.pk}/latest?after={after}") for after in (newest, newest - 1)]
        assert [answer.status_code for answer in answers] == [403, 403]


def test_what_is_hidden_from_a_reader_is_no_news(cast: Cast, enter: Enter) -> None:
    """A measurement that was never measured, for them, does not make their page move."""
    restrict(cast.alice, families=("heart",), who=cast.bob, now_ms=NOW - 120_000)
    newest = cast.watch.send(spot("8867-4", "/min", "71"), t0_ms=NOW - 60_000)
    quiet = enter(cast.bob).get(f"/patients/{cast.alice.pk}/latest?after={newest - 1}")
    assert quiet.headers["HX-Reswap"] == "none"
    seen = cast.scale.send(spot("29463-7", "kg", "71.2"), t0_ms=NOW - 50_000)
    news = enter(cast.bob).get(f"/patients/{cast.alice.pk}/latest?after={seen - 1}")
    assert "HX-Reswap" not in news.headers


def test_a_value_keeps_its_digits(cast: Cast, enter: Enter) -> None:
    """36.50 stays 36.50, with a comma in French; a JSON series gives digits as text."""
    client = enter(cast.alice)
    assert "36.50" in client.get("/me").content.decode()
    assert "36,50" in client.get("/me", headers={"accept-language": "fr"}).content.decode()
    answer = client.get(f"/me/series?code=8310-5&since={NOW - 2 * HOUR_MS}&until={NOW}").json()
    assert [point[1:] for point in answer["points"]] == [["36.50", 1]]


def test_systolic_and_diastolic_are_one_reading(cast: Cast, enter: Enter) -> None:
    """Blood pressure is said as people say it, and drawn as bars."""
    page = enter(cast.alice).get("/me?metric=8480-6").content.decode()
    assert re.search(r"1\d\d/\d\d<span class=\"unit\">&#8239;mmHg", page)
    assert 'data-chart="pressure"' in page
    assert 'class="bar evening"' in page


def test_a_doubtful_value_is_shown_marked_and_explained(cast: Cast, enter: Enter) -> None:
    """2,900 mg/dL is neither hidden nor joined to the curve; its page says why it is to be checked."""
    client = enter(cast.alice)
    odd = Series(code="99504-3", unit="mg/dL", times=300_000_000, exponent=0, values=(120, 2_900, 121))
    entry = cast.sensor.send(odd, t0_ms=NOW - 900_000)
    page = client.get("/me?metric=99504-3").content.decode()
    assert "2,900" in page
    assert "To be checked" in page
    carried = series(page)["points"]
    assert isinstance(carried, list)
    assert [fine for _, value, fine in carried if value == "2900"] == [0]
    assert f"/me/reading/{entry}-0-1" in page
    why = client.get(f"/me/reading/{entry}-0-1").content.decode()
    assert "The value lies outside what is usually possible." in why


def test_a_reading_dated_after_now_is_still_shown(cast: Cast, enter: Enter) -> None:
    """A wrong clock hides nothing."""
    cast.scale.send(
        spot("29463-7", "kg", "70.1"), t0_ms=NOW + 2 * HOUR_MS, iat_ms=NOW - 1000, received_ms=NOW - 500
    )
    assert "70.1" in enter(cast.alice).get("/me?metric=29463-7").content.decode()


def test_a_waveform_is_a_strip_on_paper(cast: Cast, enter: Enter) -> None:
    """Twelve seconds of ECG are one line with a drawing, not three thousand rows."""
    page = enter(cast.alice).get("/me?metric=mdc:131329").content.decode()
    assert "12 s recorded" in page
    assert "25 mm a second" in page
    assert "<table" not in page


def test_a_reading_says_why_it_can_be_trusted(cast: Cast, enter: Enter) -> None:
    """Object, clock, signature, checks and place in the register, and what that does not say."""
    client = enter(cast.alice)
    entry = cast.watch.send(
        spot("8867-4", "/min", "64"),
        t0_ms=NOW - HOUR_MS + 7_200_000,
        iat_ms=NOW - HOUR_MS + 7_200_000,
        received_ms=NOW - HOUR_MS,
    )
    page = client.get(f"/me/reading/{entry}-0-0").content.decode()
    for part in (
        "Montre Pouls",
        "Its own clock was wrong",
        "Signed in secure hardware",
        "egide verify",
        "not say",
    ):
        assert part in page
    assert f"As entry {split_entry(entry)[1]} of" in page


@pytest.mark.parametrize("key", ["1-0-0", "x", "99999999999999999999-0-0", "1099511627777-99-0", "-1"])
def test_a_reading_that_is_not_there_is_not_found(cast: Cast, enter: Enter, key: str) -> None:
    """Nothing else is said."""
    assert enter(cast.alice).get(f"/me/reading/{key}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?code=",
        "?code=8867-4&since=x",
        "?code=8867-4&since=5&until=4",
        "?code=8867-4&since=0",
        "?code=1&since=-1",
    ],
)
def test_a_series_needs_a_code_and_a_period(cast: Cast, enter: Enter, query: str) -> None:
    """A wrong question is told so, in JSON when JSON was asked for."""
    answer = enter(cast.alice).get(f"/me/series{query}", headers={"accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed"


def test_the_proof_of_a_reading_verifies_elsewhere(cast: Cast, enter: Enter) -> None:
    """The file downloaded beside a reading is one that a verifier with our anchors accepts."""
    entry = cast.scale.send(spot("29463-7", "kg", "70.4"), t0_ms=NOW - HOUR_MS)
    publish(now_ms=NOW)
    answer = confirmed(enter(cast.alice)).get(f"/me/proof/{entry}")
    assert (
        answer.headers["Content-Disposition"]
        == f'attachment; filename="egide-proof-{split_entry(entry)[1]}.cbor"'
    )
    assert answer.headers["Cache-Control"] == "private, no-store"
    verified = verify_evidence(answer.content, platform_anchors())
    assert verified is not None
    assert journal_of(cast.alice)[0].channel == "proof"


def test_a_place_in_its_series_does_not_move_with_the_period(cast: Cast) -> None:
    """A reading's name is the same whether a period cuts its envelope or not."""

    def keys(since_ms: int) -> dict[int, str]:
        ask = Ask(
            reader=cast.alice,
            patient=cast.alice,
            since_ms=since_ms,
            until_ms=NOW,
            purpose="PATRQT",
            channel="portal",
            codes=("99504-3",),
        )
        return {r.at_ms: r.key for r in readings_of(release(ask, now_ms=NOW).columns)}

    whole, cut = keys(NOW - 2 * HOUR_MS), keys(NOW - 33 * 60_000)
    assert 0 < len(cut) < len(whole)
    assert all(whole[at] == key for at, key in cut.items())
