"""The engineer's desk: what needs a hand is never cut from the list, and nobody stops what another place now uses."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from egide.cloud.fleet.models import Certificate, HealthObject, Pairing
from egide.cloud.fleet.service import pair, revoke_object, unpair
from egide.cloud.intake.models import Refused
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Membership
from egide.cloud.people.service import create_account
from egide.cloud.portal.objects import my_object
from egide.cloud.ward import fleet, health
from egide.cloud.ward.desks import Seat, seat_of
from egide.cloud.ward.roster import objects_of
from egide.cloud.ward.staff import places
from egide.errors import AccessDeniedError
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm, give
from tests.support.cast import Cast
from tests.support.ward import DAY_MS


@pytest.fixture
def seat(offices: Offices) -> Seat:
    return seat_of(offices.engineer, "engineer", now_ms=NOW)


def returned(cast: Cast, offices: Offices) -> HealthObject:
    """An object that measured somebody elsewhere for a while, and measures Alice here now."""
    row: HealthObject = cast.scale.row
    for open_now in Pairing.objects.filter(object=row, until_ms=None):
        unpair(open_now, NOW - 9 * DAY_MS)
    there = pair(row, cast.charlie, NOW - 9 * DAY_MS)
    Pairing.objects.filter(pk=there.pk).update(establishment=offices.elsewhere.pk)
    unpair(there, NOW - 8 * DAY_MS)
    pair(row, cast.alice, NOW - 8 * DAY_MS)
    return row


def test_what_was_returned_is_not_stopped_from_where_it_was(cast: Cast, offices: Offices, enter: Enter) -> None:
    """It can be looked at, and no button is shown; who runs the platform, where it measures, can stop it."""
    row = returned(cast, offices)
    client = enter(offices.far_engineer)
    confirm(client)
    path, form = f"/office/fleet/{row.pk}", {"sure": "yes", "why": "lost"}
    page = client.get(path)
    assert page.status_code == 200
    assert "Stop it now" not in page.content.decode()
    assert client.post(f"{path}/revoke", form).status_code in (403, 404)
    far = seat_of(offices.far_engineer, "engineer", now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        fleet.revoke(far, row.pk, "lost", now_ms=NOW)
    row.refresh_from_db()
    assert row.revoked_ms is None
    here = enter(offices.engineer)
    confirm(here)
    assert here.post(f"{path}/revoke", form).status_code == 302
    row.refresh_from_db()
    assert row.revoked_ms is not None


def test_where_it_measures_now_it_is_stopped(cast: Cast, offices: Offices) -> None:
    """By the engineer of an establishment that runs no platform, too."""
    here = Pairing.objects.filter(object=cast.scale.row.pk, until_ms=None)
    here.update(establishment=offices.elsewhere.pk)
    far = seat_of(offices.far_engineer, "engineer", now_ms=NOW)
    fleet.revoke(far, cast.scale.row.pk, "lost", now_ms=NOW)
    assert not here.exists()


def test_stopping_for_good_asks_for_a_factor(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Nothing undoes it."""
    client = enter(offices.engineer)
    answer = client.post(f"/office/fleet/{cast.scale.row.pk}/revoke", {"sure": "yes", "why": "lost"})
    assert answer.headers["Location"].startswith("/security/confirm")
    assert not HealthObject.objects.exclude(revoked_ms=None).exists()


def test_what_needs_a_hand_comes_before_the_cut(
    cast: Cast, offices: Offices, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more objects than a page lists, and of more than one query names, those that need somebody are listed."""
    for n in range(4):
        row = HealthObject.objects.create(model=f"Stock {n}", trust=4, created_ms=NOW)
    Refused.objects.create(at_ms=NOW, code="malformed", digest=bytes(32), source=str(row.pk), sealed=b"x")
    everything = fleet.units(seat, now_ms=NOW)
    monkeypatch.setattr(fleet, "_AT_ONCE", 2)
    assert fleet.units(seat, now_ms=NOW) == everything
    needing = [one.id for one in everything if one.needs(NOW)]
    assert row.pk in needing
    assert len(needing) < len(everything)
    monkeypatch.setattr(fleet, "_MANY", len(needing))
    assert [one.id for one in fleet.units(seat, now_ms=NOW)] == needing


def test_the_fleet_is_read_in_as_many_queries_for_few_as_for_many(cast: Cast, seat: Seat) -> None:
    """And each object was heard when its last message came in."""
    with CaptureQueriesContext(connection) as few:
        found = fleet.units(seat, now_ms=NOW)
    assert any(one.heard_ms for one in found)
    for n in range(8):
        row = HealthObject.objects.create(model=f"Stock {n}", trust=4, created_ms=NOW)
        pair(row, cast.alice, NOW)
    with CaptureQueriesContext(connection) as many:
        assert len(fleet.units(seat, now_ms=NOW)) == len(found) + 8
    assert len(many) == len(few)


def test_two_people_of_one_name_are_two(offices: Offices, enter: Enter) -> None:
    """An establishment counts accounts, not names."""
    place = create_establishment("clinic", "Clinique des Ormes", now_ms=NOW - 1_000)
    for office in ("administrator", "doctor", "doctor"):
        role = "operator" if office == "administrator" else "professional"
        give(create_account(role, "Marie Martin", NOW - 1_000), office, place)
    account = Membership.objects.get(establishment=place, office="administrator").account
    (found,) = places(seat_of(account, "administrator", now_ms=NOW), now_ms=NOW)
    assert found.staff == 3


def test_intake_is_counted_by_the_latest_envelopes_alone(cast: Cast) -> None:
    """`received_ms` has no index: nothing walks the whole table to find what came in within a minute."""
    with CaptureQueriesContext(connection) as asked:
        (intake,) = [each for each in health.checks(now_ms=NOW) if each.key == "intake"]
    assert intake.at_ms is not None
    read = [one["sql"] for one in asked if "vault_envelope" in one["sql"]]
    assert read
    assert not [sql for sql in read if "WHERE" in sql]


def test_pages_show_revoked_what_a_statement_revoked_whatever_its_row_says_since(cast: Cast, seat: Seat) -> None:
    """The engineer's desk, the patient's own page and the ward's list read what was signed, as the gate does."""
    row = cast.cuff.row
    assert str(row.pk) in {one.object_id for one in objects_of(cast.alice, now_ms=NOW)}
    revoke_object(row, "stolen", NOW - 1)
    HealthObject.objects.update(revoked_ms=None, revoked_why="")
    Certificate.objects.update(revoked_ms=None, revoked_why="")
    shown = fleet.unit(seat, row.pk)
    assert (shown.state, shown.revoked_ms, shown.certificate_until_ms) == ("revoked", NOW - 1, None)
    assert my_object(cast.alice, row.pk, now_ms=NOW).state == "stopped"
    assert str(row.pk) not in {one.object_id for one in objects_of(cast.alice, now_ms=NOW)}
