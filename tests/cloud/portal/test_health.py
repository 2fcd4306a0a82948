"""What machines ask."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.support.cast import Cast
from tests.support.ward import spot


def test_a_process_that_answers_is_alive(db: None) -> None:
    """Without any look at the store."""
    assert Client().get("/healthz").content == b"ok\n"


def test_ready_means_store_and_register(db: None, request: pytest.FixtureRequest) -> None:
    """Not before the register is open."""
    assert Client().get("/readyz").status_code == 503
    request.getfixturevalue("ward")
    assert Client().get("/readyz").status_code == 200


def test_metrics_count_and_tell_nothing_of_anyone(cast: Cast) -> None:
    """Register size, envelopes, refusals by code."""
    cast.sensor.deliver(b"not an envelope", 1)
    text = Client().get("/metrics").content.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(values["egide_envelopes_stored"]) > 40
    assert int(values['egide_envelopes_refused{code="malformed"}']) == 1
    size = next(int(value) for name, value in values.items() if name.startswith("egide_register_size"))
    assert size > int(values["egide_envelopes_stored"])
    assert str(cast.alice.pk) not in text
    assert str(cast.sensor.row.pk) not in text


def test_metrics_grow_with_what_comes(cast: Cast) -> None:
    """The count that is kept in memory follows the table."""

    def stored() -> int:
        lines = Client().get("/metrics").content.decode().splitlines()
        return int(next(line for line in lines if line.startswith("egide_envelopes_stored")).split()[1])

    before = stored()
    cast.watch.send(spot("8867-4", "/min", "70"), t0_ms=1_795_295_000_000)
    assert stored() == before + 1


@pytest.mark.parametrize(
    "more", [{"REMOTE_ADDR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, {"REMOTE_ADDR": ""}]
)
def test_metrics_are_for_this_machine(cast: Cast, more: dict[str, str]) -> None:
    """From elsewhere, or through a proxy, they are refused."""
    assert Client().get("/metrics", **more).status_code == 403  # type: ignore[arg-type]
