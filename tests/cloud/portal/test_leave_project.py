"""Leaving a project from the page of who may see: what it changes is read first, and no factor is asked for."""

from __future__ import annotations

from egide.cloud.consent import grants
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import runs
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import DAY_MS


def test_a_project_is_left_after_reading_that_only_the_desk_begins_it_again(cast: Cast, enter: Enter) -> None:
    """The first press opens a page; the second one leaves; then there is nothing to leave."""
    study = grants.join_research(
        cast.alice, cast.bob, project="Sommeil", families=["glucose"], now_ms=NOW, until_ms=NOW + 30 * DAY_MS
    )
    client, path = enter(cast.alice), f"/me/sharing/research/{study}/leave"
    page = client.get("/me/sharing").content.decode()
    assert f'href="{path}"' in page
    assert f'action="{path}"' not in page
    assert "To take part again, go to the desk." in client.get(path).content.decode()
    assert runs(facts_of(cast.alice.pk).participations[0], NOW)
    assert client.post(path)["Location"].endswith("?done=withdrawn")
    assert not runs(facts_of(cast.alice.pk).participations[0], NOW + 1)
    assert client.get(path).status_code == 404
    assert enter(cast.bob).get(path).status_code in (403, 404)
