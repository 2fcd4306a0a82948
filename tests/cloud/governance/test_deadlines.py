"""Until when: the rules alone, on duties as data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from egide.cloud.governance.deadlines import care_term, deadline, extended, months_later
from egide.cloud.governance.duties import duties, read_duties
from egide.errors import ConfigError, RefusedError

PARIS = ZoneInfo("Europe/Paris")
DUTIES = duties()


def at(year: int, month: int, day: int, hour: int = 10) -> int:
    return round(datetime(year, month, day, hour, tzinfo=PARIS).timestamp() * 1000)


def due(kind: str, asked_ms: int, oldest_ms: int | None = None) -> datetime:
    times = deadline(DUTIES.rights[kind], asked_ms=asked_ms, oldest_ms=oldest_ms, zone=PARIS)
    return datetime.fromtimestamp(times.due_ms / 1000, tz=UTC).astimezone(PARIS)


@pytest.mark.parametrize(
    ("kind", "asked", "oldest", "until"),
    [
        pytest.param("access", (2026, 11, 22), None, (2026, 11, 30), id="a-record-in-eight-days"),
        pytest.param("access", (2026, 11, 22), (2021, 11, 22), (2026, 11, 30), id="exactly-five-years-is-not-older"),
        pytest.param("access", (2026, 11, 22), (2021, 11, 21), (2027, 1, 22), id="older-in-two-months"),
        pytest.param("access", (2026, 3, 22), None, (2026, 3, 30), id="over-the-change-of-hour"),
        pytest.param("erase", (2026, 11, 22), (2000, 1, 1), (2026, 12, 22), id="one-month-however-old"),
        pytest.param("rectify", (2027, 1, 31), None, (2027, 2, 28), id="to-the-last-day-of-a-short-month"),
        pytest.param("restrict", (2028, 1, 31), None, (2028, 2, 29), id="of-a-leap-year"),
        pytest.param("portability", (2026, 12, 5), None, (2027, 1, 5), id="into-another-year"),
    ],
)
def test_each_right_is_answered_by_its_day(
    kind: str, asked: tuple[int, int, int], oldest: tuple[int, int, int] | None, until: tuple[int, int, int]
) -> None:
    """The day and the hour of the place, whatever the clocks did in between."""
    assert due(kind, at(*asked), at(*oldest) if oldest else None) == datetime(*until, 10, tzinfo=PARIS)


def test_a_record_is_not_given_before_two_days() -> None:
    """The law leaves time to think; the other rights do not ask for it."""
    asked = at(2026, 11, 22)
    waits = {
        kind: deadline(right, asked_ms=asked, oldest_ms=None, zone=PARIS).not_before_ms - asked
        for kind, right in DUTIES.rights.items()
    }
    assert waits.pop("access") == 48 * 3_600_000
    assert set(waits.values()) == {0}


def test_an_answer_is_put_off_once_by_two_months_and_never_for_a_medical_record() -> None:
    """Article 12(3) of the GDPR; L1111-7 knows no such thing."""
    asked = at(2026, 11, 22)
    right = DUTIES.rights["erase"]
    first = deadline(right, asked_ms=asked, oldest_ms=None, zone=PARIS).due_ms
    longer = extended(right, asked_ms=asked, due_ms=first, zone=PARIS)
    assert longer == at(2027, 2, 22)
    with pytest.raises(RefusedError):
        extended(right, asked_ms=asked, due_ms=longer, zone=PARIS)
    with pytest.raises(RefusedError):
        extended(DUTIES.rights["access"], asked_ms=asked, due_ms=asked, zone=PARIS)


@pytest.mark.parametrize(
    ("contact", "birth", "death", "until", "rule", "sure"),
    [
        pytest.param((2026, 11, 22), (1960, 1, 1), None, (2046, 11, 22), "last-contact", True, id="twenty-years"),
        pytest.param((2026, 11, 22), (2020, 5, 1), None, (2048, 5, 1), "birthday", True, id="until-the-28th-birthday"),
        pytest.param((2026, 11, 22), (2018, 11, 22), None, (2046, 11, 22), "last-contact", True, id="the-same-day"),
        pytest.param((2026, 11, 22), None, None, (2046, 11, 22), "last-contact", False, id="birth-not-known"),
        pytest.param((2026, 11, 22), (2020, 5, 1), (2030, 2, 3), (2040, 2, 3), "death", True, id="ten-after-death"),
        pytest.param((2026, 11, 22), (1960, 1, 1), (2037, 1, 1), (2046, 11, 22), "last-contact", True, id="late-death"),
        pytest.param((2028, 2, 29), (1960, 1, 1), None, (2048, 2, 29), "last-contact", True, id="leap-day-to-leap-day"),
        pytest.param((2028, 2, 29), (1960, 1, 1), (2029, 1, 1), (2039, 1, 1), "death", True, id="death-soon-after"),
    ],
)
def test_a_care_record_is_kept_until_its_term(
    contact: tuple[int, int, int], birth: tuple[int, int, int] | None, death: tuple[int, int, int] | None,
    until: tuple[int, int, int], rule: str, sure: bool,
) -> None:  # fmt: skip
    """The later of the years and the birthday; from the death when it came soon; unsure without a birth date."""
    term = care_term(
        DUTIES.care, last_contact=date(*contact), birth=date(*birth) if birth else None,
        death=date(*death) if death else None,
    )  # fmt: skip
    assert (term.until, term.rule, term.sure) == (date(*until), rule, sure)


def test_months_end_on_days_that_exist() -> None:
    """Forwards and backwards."""
    assert months_later(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert months_later(date(2028, 2, 29), -12) == date(2027, 2, 28)


def test_every_number_of_the_duties_has_a_source_and_a_certainty() -> None:
    """What a screen says is law can be traced, and says how surely it is known."""
    cited = [entry.sources for entry in DUTIES.rights.values()]
    cited += [entry.sources for entry in DUTIES.erasures.values()]
    cited += [DUTIES.care.sources, DUTIES.copies.sources]
    assert all(cited)
    assert {source.certainty for sources in cited for source in sources} <= {"read", "secondary", "memory", "own"}
    assert set(DUTIES.rights) == {"access", "portability", "rectify", "restrict", "oppose", "erase"}
    assert {k: e.erase for k, e in DUTIES.erasures.items()} == {"personal": True, "research": True, "care": False}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("version = ", id="not-toml"),
        pytest.param("[source]\na = {title='x', certainty='sure'}", id="no-such-certainty"),
        pytest.param("version='1'\n[source]\n[right.access]\ndays=8\nsources=['nowhere']", id="no-such-source"),
    ],
)
def test_duties_of_another_form_are_refused(text: str) -> None:
    """A platform does not start on half a law."""
    with pytest.raises(ConfigError):
        read_duties(text)


def test_an_entry_is_as_sure_as_the_least_sure_of_its_sources() -> None:
    """Whatever a screen says of the law has its text, and how well we know it."""
    rules = duties()
    entries = [*rules.rights.values(), *rules.erasures.values(), rules.care, rules.copies, *rules.rules.values()]
    assert all(entry.sources for entry in entries)
    known = {kind: right.certainty for kind, right in rules.rights.items()}
    assert set(known.values()) == {"memory"}  # to be read again: the screens say so until they are
    assert (rules.care.certainty, rules.care.archives.certainty) == ("memory", "read")
    assert (rules.rules["secret"].certainty, rules.rules["emergency"].certainty) == ("read", "read")
    assert rules.copies.certainty == "own"
    assert rules.rules["adult"].years == 18
