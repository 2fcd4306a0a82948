"""What is remembered of offices counts exactly as long as nothing was signed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from egide.cloud.options import Options
from egide.cloud.people import offices, seats
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account, Membership
from egide.cloud.people.offices import offices_among, offices_of, seat
from egide.cloud.people.seats import forget, seats_of
from egide.cloud.people.service import create_account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from tests.cloud.people.conftest import NOW, House
from tests.support.ward import Ward


@pytest.mark.django_db
def test_whether_anything_was_signed_costs_one_query_however_many_the_people(house: House, nora: Account) -> None:
    """And no signature is checked; accesses that are journaled meanwhile change nothing."""
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    people = [nora, *house.pair, *(create_account("professional", f"Somebody {n}", NOW) for n in range(9))]
    for asked in ([nora], people):
        offices_among(asked, now_ms=NOW)
        append_statement("access", nora.pk, {}, now_ms=NOW)
        with CaptureQueriesContext(connection) as queries:
            held = offices_among(asked, now_ms=NOW)
        assert len(queries) == 1
        assert [m.office for m in held[nora.pk]] == ["nurse"]


@pytest.mark.django_db
def test_what_is_remembered_of_one_counts_no_more_once_anybody_was_dismissed(house: House, nora: Account) -> None:
    """Every office is read again: which one a statement is about is not guessed."""
    held = offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    other = create_account("professional", "Oscar", NOW)
    place = offices.appoint(other, house.clinic, "nurse", by=house.pair, now_ms=NOW)
    assert offices_of(nora, now_ms=NOW)
    offices.dismiss(place, by=other, now_ms=NOW + 1)
    with CaptureQueriesContext(connection) as queries:
        assert offices_of(nora, now_ms=NOW + 1)
    assert len(queries) > 1
    offices.dismiss(held, by=house.admin, now_ms=NOW + 2)
    assert offices_of(nora, now_ms=NOW + 2) == ()


@pytest.mark.django_db
def test_an_appointment_that_was_rolled_back_is_forgotten(house: House, nora: Account) -> None:
    """Also when another statement takes its number."""
    for after in (False, True):
        with transaction.atomic():
            offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
            assert offices_of(nora, now_ms=NOW)
            transaction.set_rollback(True)
        if after:
            other = create_account("professional", "Oscar", NOW)
            offices.appoint(other, house.hospital, "nurse", by=house.pair, now_ms=NOW)
        assert offices_of(nora, now_ms=NOW) == ()
        assert seats_of([nora.pk]).said[nora.pk] == {}


@pytest.mark.django_db
def test_a_dismissal_that_was_rolled_back_ended_nothing(house: House, nora: Account) -> None:
    """What was read inside the transaction does not outlive it."""
    held = offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    with transaction.atomic():
        offices.dismiss(held, by=house.admin, now_ms=NOW + 1)
        assert offices_of(nora, now_ms=NOW + 1) == ()
        transaction.set_rollback(True)
    assert offices_of(nora, now_ms=NOW + 1)


@pytest.mark.django_db
def test_whoever_changes_what_they_were_given_changes_no_one_else_s(house: House, nora: Account) -> None:
    """Each read makes rows of its own."""
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    (mine,) = offices_of(nora, now_ms=NOW)
    mine.office, mine.establishment_id = "doctor", house.clinic.pk
    (again,) = offices_of(nora, now_ms=NOW)
    assert (again.office, again.establishment) == ("nurse", house.hospital)
    assert isinstance(again, Membership)


@pytest.mark.django_db
def test_memory_of_offices_is_bounded(house: House, nora: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was read first is forgotten, and read again."""
    forget()
    monkeypatch.setattr(seats, "_ACCOUNTS", 1)
    for who in (nora, house.admin, nora):
        seats_of([who.pk])
    assert list(seats._memory._said) == [nora.pk]
    assert offices_of(house.admin, now_ms=NOW)


@pytest.mark.django_db
def test_nobody_holds_anything_where_nothing_was_signed(ward: Ward) -> None:
    """Nor where the last statement is no bytes any more."""
    who = create_account("professional", "Nora", NOW)
    Statement.objects.filter(kind__in=("appointment", "dismissal", "establishment")).delete()
    assert offices_of(who, now_ms=NOW) == ()
    assert offices_among([], now_ms=NOW) == {}


CHILD = """
import sys, uuid
import django
django.setup()
from django.db import connections
connections.databases["default"]["NAME"] = sys.argv[2]
from egide.cloud.people.models import Account
from egide.cloud.people.offices import offices_of
from egide.cloud.release.deciding import works_of
who = Account.objects.get(pk=uuid.UUID(sys.argv[1]))
for line in sys.stdin:
    now = int(line)
    print(len(offices_of(who, now_ms=now)), works_of(who, now).dismissed, flush=True)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_a_dismissal_counts_at_the_next_read_of_another_process(ward: Ward, ward_keys: Options) -> None:
    """That remembers the office, and has nobody to tell it."""
    who = create_account("professional", "Nora", NOW)
    held = seat(who, home(NOW), "nurse", by=(who, who), now_ms=NOW, how="ceremony")
    env = {
        "PATH": "/usr/bin", "DJANGO_SETTINGS_MODULE": "egide.cloud.config.settings",
        "EGIDE_KEYS": str(ward_keys.keys), "EGIDE_DATA": str(ward_keys.data),
    }  # fmt: skip
    if ward_keys.database_url:
        env["EGIDE_DATABASE_URL"] = ward_keys.database_url
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(who.pk), str(connection.settings_dict["NAME"])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        answers = []
        for ended in (False, False, True):
            if ended:
                offices.dismiss(held, by=who, now_ms=NOW + 1)
            child.stdin.write(f"{NOW + 1}\n")
            child.stdin.flush()
            answers.append(child.stdout.readline().strip())
        assert answers == ["1 False", "1 False", "0 True"]
    finally:
        child.stdin.close()
        child.wait(timeout=30)
        child.stdout.close()
