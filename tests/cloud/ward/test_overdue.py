"""An emergency that nobody reviewed within the day alarms: who is told, of what, how often."""

from __future__ import annotations

import pytest

from egide.cloud.consent.emergency import REVIEW_MS, break_glass, review_emergency
from egide.cloud.consent.models import Ground
from egide.cloud.intake.models import Event
from egide.cloud.people.registrations import register_patient
from egide.cloud.signin.models import Notice
from egide.cloud.ward import overdue
from egide.cloud.ward.desks import seat_of
from egide.cloud.ward.overdue import alarm_overdue
from egide.cloud.ward.security import happenings
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices
from tests.support.caring import caring
from tests.support.cast import Cast

LATE = NOW + REVIEW_MS


def opened(cast: Cast, *, at_ms: int = NOW) -> str:
    doctor = caring(cast.diane, now_ms=min(at_ms, NOW - 2 * REVIEW_MS))
    return break_glass(doctor, cast.alice, reason="Found unconscious", families=None, now_ms=at_ms)


def told() -> set[str]:
    """Names of those who have the notice."""
    rows = Notice.objects.filter(kind="review-overdue").values_list("account", flat=True)
    return {str(key) for key in rows}


def test_an_overdue_review_is_told_once_to_the_right_officers(cast: Cast, offices: Offices) -> None:
    """Not before the day is over; then once: the officers of here, nobody elsewhere, and one event."""
    key = opened(cast)
    assert alarm_overdue(now_ms=LATE - 1) == 0
    assert not told()
    assert [alarm_overdue(now_ms=LATE + n) for n in (0, 1, 60_000)] == [1, 0, 0]
    assert told() == {str(offices.dpo.pk), str(offices.security.pk)}
    event = Event.objects.get()
    assert (event.kind, event.detail, event.at_ms) == ("review-overdue", key, LATE)


def test_what_was_reviewed_in_time_alarms_nobody(cast: Cast, offices: Offices) -> None:
    """A verdict, whichever it is, is a review."""
    key = opened(cast)
    review_emergency(cast.alice, key, reviewer=offices.dpo, verdict="unjustified", note="n", now_ms=NOW + 1)
    assert alarm_overdue(now_ms=LATE) == 0
    assert not Event.objects.exists()


def test_a_row_that_is_gone_hides_no_overdue_review(cast: Cast, offices: Offices) -> None:
    """The statement counts: whoever deletes the index is not rid of the alarm."""
    opened(cast)
    Ground.objects.filter(kind="emergency").delete()
    assert alarm_overdue(now_ms=LATE) == 1
    assert told()


def test_event_and_notices_commit_together(
    cast: Cast, offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the two, nothing stands, and the next look alarms."""
    opened(cast)

    class StoppedError(Exception):
        """The process died here."""

    def stop(*_: object, **__: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(overdue, "tell", stop)
        with pytest.raises(StoppedError):
            alarm_overdue(now_ms=LATE)
    assert not Event.objects.exists()
    assert alarm_overdue(now_ms=LATE + 1) == 1
    assert told()


def test_the_event_stands_at_the_desk_of_where_the_patient_is_known(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Elsewhere it is no event until the patient is registered there; it names no patient and no reader."""
    opened(cast)
    alarm_overdue(now_ms=LATE)
    far = seat_of(offices.far_security, "security-officer", now_ms=NOW)
    assert happenings(far, now_ms=LATE) == []
    page = enter(offices.security).get("/office/security?period=all").content.decode()
    assert "An emergency access was not reviewed in time" in page
    assert not [name for name in ("Alice", "Moreau", "Diane", "unconscious") if name in page]
    register_patient(cast.alice, offices.elsewhere, by=offices.far_doctor, now_ms=NOW)
    assert [one.kind for one in happenings(far, now_ms=LATE)] == ["review-overdue"]


def test_several_overdue_at_once_are_one_notice_in_words(cast: Cast, offices: Offices, enter: Enter) -> None:
    """In the account a sentence that names nobody, told once while it was not read."""
    opened(cast, at_ms=NOW - REVIEW_MS)
    opened(cast, at_ms=NOW - REVIEW_MS - 1)
    assert alarm_overdue(now_ms=NOW) == 2
    assert Notice.objects.filter(account=offices.dpo, kind="review-overdue").count() == 1
    page = enter(offices.dpo).get("/security").content.decode()
    assert "not reviewed within a day" in page
