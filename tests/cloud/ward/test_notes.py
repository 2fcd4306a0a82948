"""What was said of an event is found among everything that was ever said."""

from __future__ import annotations

import pytest

from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement, Topic
from egide.cloud.ward import notes
from egide.cloud.ward.desks import seat_of
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Offices


def test_a_page_opens_the_notes_on_what_it_shows_and_no_others(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many were signed on other events; oldest first."""
    seat = seat_of(offices.security, "security-officer", now_ms=NOW)
    for n in range(6):
        notes.say(seat, f"event:{n % 3}", notes.SEEN, f"Looked at, {n}", now_ms=NOW + n)
    opened: list[int] = []

    def counted(row: Statement) -> object:
        opened.append(row.entry)
        return open_statement(row)

    monkeypatch.setattr(notes, "open_statement", counted)
    found = notes.notes_on(["event:1"])
    assert [note.reason for note in found["event:1"]] == ["Looked at, 1", "Looked at, 4"]
    assert len(opened) == 2


def test_a_row_that_points_at_another_s_note_says_nothing(offices: Offices) -> None:
    """The statement itself says what it is about."""
    seat = seat_of(offices.security, "security-officer", now_ms=NOW)
    notes.say(seat, "event:1", notes.SEEN, "Looked at", now_ms=NOW)
    Topic.objects.update(name="event:2")
    assert notes.notes_on(["event:2"]) == {}
