"""What a patient hides: from whom, what, between which days; at once, and said before."""

from __future__ import annotations

from datetime import datetime

from egide.cloud.consent import restrictions
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Window
from egide.cloud.portal import words
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
from tests.cloud.portal.test_sharing import text
from tests.support.cast import Cast


def test_what_was_measured_between_two_days_can_be_hidden(cast: Cast, enter: Enter) -> None:
    """Both days included, in the time of the place; the day before and the day after stay; a period that cannot be,
    no."""
    client = enter(cast.alice)
    client.post("/me/sharing/hide/from", {"who": str(cast.bob.pk)})
    answer = {"family": "weight", "data": "days"}
    for first, last in (
        ("2026-03-02", "2026-03-01"),
        ("", "2026-03-01"),
        ("soon", "2026-03-01"),
        ("0001-01-01", "9999-12-31"),
    ):
        assert client.post("/me/sharing/hide/which", {**answer, "first": first, "last": last}).status_code == 400
    client.post("/me/sharing/hide/which", {**answer, "first": "2026-03-01", "last": "2026-03-02"})
    page = text(client, "/me/sharing/hide/check")
    assert "weight, measured from 1 March 2026 to 2 March 2026, both included" in page
    assert 'value="2026-03-02"' in client.get("/me/sharing/hide/which").content.decode()
    client.post("/me/sharing/hide/check")
    (hidden,) = facts_of(cast.alice.pk).restrictions
    zone = words.zone()
    assert hidden.data.since_ms == datetime(2026, 3, 1, tzinfo=zone).timestamp() * 1000
    assert hidden.data.until_ms == datetime(2026, 3, 3, tzinfo=zone).timestamp() * 1000
    assert hidden.until_ms is None
    assert "until 2 March 2026" in text(client, "/me/sharing")


def test_hiding_says_what_stops_before_it_hides(cast: Cast, enter: Enter) -> None:
    """From whom, what, the consequences; then at once, without a factor; lifting it asks for one."""
    client = enter(cast.alice)
    client.post("/me/sharing/hide/from", {"who": str(cast.bob.pk)})
    client.post("/me/sharing/hide/which", {"family": "weight", "data": "all"})
    page = text(client, "/me/sharing/hide/check")
    assert "To Dr Bob Durand, this was never measured: weight." in page
    assert "A decision on your care may then be taken without it." in page
    assert not restrictions.restrictions_of(cast.alice)
    client.post("/me/sharing/hide/check")
    (held,) = restrictions.restrictions_of(cast.alice)
    assert (held.who.id, held.data) == (str(cast.bob.pk), Window(families=frozenset({"weight"})))
    assert "Hidden from them:" in text(client, "/me/sharing")
    lift = f"/me/sharing/hidden/{held.id}/lift"
    assert "/security/confirm" in client.post(lift)["Location"]
    confirmed(client)
    client.post(lift)
    assert restrictions.restrictions_of(cast.alice)[0].until_ms == NOW


def test_hiding_needs_its_answers_in_order(cast: Cast, enter: Enter) -> None:
    """No page hides what was not chosen, nor from somebody who may not see anyway."""
    client = enter(cast.alice)
    assert client.get("/me/sharing/hide/check")["Location"].endswith("/from")
    client.post("/me/sharing/hide/check")
    assert client.post("/me/sharing/hide/from", {"who": str(cast.diane.pk)}).status_code == 400
    client.post("/me/sharing/hide/from", {"who": "everyone"})
    assert client.get("/me/sharing/hide/check")["Location"].endswith("/which")
    assert client.post("/me/sharing/hide/which", {"data": "all"}).status_code == 400
    assert not restrictions.restrictions_of(cast.alice)
