"""What ends an app ends it whole: at the same moment as a refresh, and with all that opened the account."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

import pytest
from django.db import connection, transaction

from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.signin import recovery
from egide.cloud.signin.closing import close, reopen
from egide.cloud.signin.recovery import WAIT_MS
from egide.cloud.smart import tokens
from tests.cloud.conftest import NOW
from tests.cloud.signin.conftest import enrol
from tests.cloud.smart.conftest import Flow, Registry, ask, read, signed_in
from tests.cloud.ward.conftest import Offices, give
from tests.support.cast import Cast

PATIENCE_S = 30
STOPS: dict[str, Callable[[Flow, str], object]] = {
    "stopped by the person": lambda flow, _: tokens.end_authorization(flow.reader, flow.app, now_ms=NOW),
    "revoked by the app": lambda flow, token: ask("revoke", token=token, client_id=flow.app.client_id),
    "with the account": lambda flow, _: tokens.end_account(flow.reader, NOW),
}


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stop", STOPS)
def test_an_end_that_meets_a_refresh_ends_what_the_refresh_gave(own: Flow, stop: str) -> None:
    """An end waits for the refresh that is under way, and then sees its row. SQLite has one writer at a time."""
    first = own.tokens()["refresh_token"]
    pids: list[int] = []
    named = threading.Event()

    def end() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.extend(cursor.fetchone())
            named.set()
            STOPS[stop](own, first)
        finally:
            connection.close()

    thread = threading.Thread(target=end)
    with transaction.atomic():
        status, told = own.refresh(first)
        assert status == 200
        thread.start()
        assert named.wait(PATIENCE_S)
        _until_it_waits(pids[0])
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert own.refresh(told["refresh_token"])[1]["error"] == "invalid_grant"
    assert read("Observation?_count=1", told["access_token"])[0] == 401


def _until_it_waits(pid: int) -> None:
    """Until that connection waits for a lock of this one."""
    last = monotonic() + PATIENCE_S
    with connection.cursor() as cursor:
        waits = False
        while not waits and monotonic() < last:
            cursor.execute("SELECT pg_backend_pid() = ANY(pg_blocking_pids(%s))", [pid])
            (waits,) = cursor.fetchone()
    assert waits


def test_a_recovery_ends_what_apps_hold(own: Flow, offices: Offices, at: list[int]) -> None:
    """Whoever had the account's factors may have let an app in: its tokens end with the factors, not before."""
    alice = own.reader
    nora, nils = (_nurse(name, offices) for name in ("Nora Petit", "Nils Grand"))
    enrol(signed_in(alice, at="localhost"))
    register_patient(alice, home(NOW), by=nora, now_ms=NOW)
    given = own.tokens(own.form(until="365"))
    recovery.ask(alice, by=nora, evidence="identity-card", now_ms=NOW)
    recovery.approve(alice, by=nils, now_ms=NOW)
    at[0] += WAIT_MS
    status, given = own.refresh(given["refresh_token"])
    assert status == 200
    assert read("Observation?_count=1", given["access_token"])[0] == 200
    recovery.complete(alice, by=nora, now_ms=at[0])
    assert _worthless(own, given)


def test_a_closed_account_s_apps_hold_nothing_when_it_is_opened_again(cast: Cast, registry: Registry) -> None:
    """Neither token counts again, nor a code that was on its way; another person's go on."""
    flows = [_of_professional(who, registry) for who in (cast.bob, cast.diane)]
    code, held = flows[0].code(), [flow.tokens() for flow in flows]
    bob = flows[0].reader
    close(bob, by=None, now_ms=NOW)
    assert _worthless(flows[0], held[0])
    reopen(Account.objects.get(pk=bob.pk), now_ms=NOW)
    assert _worthless(flows[0], held[0])
    assert flows[0].exchange(code)[1]["error"] == "invalid_grant"
    assert flows[1].refresh(held[1]["refresh_token"])[0] == 200


def _worthless(flow: Flow, told: dict[str, str]) -> bool:
    refreshed = flow.refresh(told["refresh_token"])
    return refreshed[0] == 400 and read("Observation?_count=1", told["access_token"])[0] == 401


def _nurse(name: str, offices: Offices) -> Account:
    nurse = create_account("professional", name, NOW - 1_000)
    give(nurse, "nurse", offices.here)
    return nurse


def _of_professional(account: Account, registry: Registry) -> Flow:
    app = registry.let_in(scopes="user/Observation.rs offline_access")
    return Flow(app=app, reader=account, client=signed_in(account))
