"""How what an object measures is kept is chosen on a page: a care record, one's own, a study that one takes part in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from egide.cloud.consent import grants
from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Registration
from egide.cloud.portal import objects
from egide.cloud.portal.objects import Mine
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
from tests.support.cast import Cast
from tests.support.ward import DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """An object that Alice added, and its page."""

    mine: Mine

    @property
    def path(self) -> str:
        return f"/me/objects/{self.mine.id}/part"

    def now(self) -> Pairing:
        return Pairing.objects.get(object=self.mine.id, until_ms=None)


@pytest.fixture
def own(cast: Cast) -> Own:
    return Own(mine=objects.add(cast.alice, "Balance", "", now_ms=NOW - 1))


def test_the_page_says_what_holds_and_what_each_choice_changes(cast: Cast, enter: Enter, own: Own) -> None:
    """On the object's page in a line; on the page of the choice with what becomes of it."""
    client = enter(cast.alice)
    assert "My own measurements, to keep or erase" in client.get(f"/me/objects/{own.mine.id}").content.decode()
    page = confirmed(client).get(own.path).content.decode()
    for words in ("You can have it erased for good", "20 years, as a rule", "What it measured before stays as it was."):
        assert words in page
    assert "lent to research" not in page


def test_a_choice_asks_for_a_factor_and_counts_from_then_on(cast: Cast, enter: Enter, own: Own) -> None:
    """What it measures is sealed to the other key; the pairing before is closed, and not rewritten."""
    before, client = own.now(), enter(cast.alice)
    assert (before.klass, before.establishment) == (RecordKey.Class.PERSONAL, ESTABLISHMENT)
    client.post(own.path, {"part": f"care-{ESTABLISHMENT}"})
    assert own.now() == before
    assert confirmed(client).post(own.path, {"part": f"care-{ESTABLISHMENT}"}).status_code == 302
    assert own.now().klass == RecordKey.Class.CARE
    before.refresh_from_db()
    assert (before.klass, before.until_ms) == (RecordKey.Class.PERSONAL, NOW)
    assert client.post(own.path, {"part": f"care-{ESTABLISHMENT}"}).status_code == 302
    assert Pairing.objects.filter(object=own.mine.id).count() == 2


def test_it_measures_for_a_place_that_knows_the_patient_and_for_no_other(cast: Cast, enter: Enter, own: Own) -> None:
    """Nobody puts a record where the patient is not known."""
    clinic = create_establishment("clinic", "Clinique des Lilas", now_ms=NOW)
    client, answer = confirmed(enter(cast.alice)), {"part": f"care-{clinic.pk}"}
    assert client.post(own.path, answer).status_code == 400
    Registration.objects.create(patient=cast.alice, establishment=clinic, since_ms=NOW)
    assert "In my care record at Clinique des Lilas" in client.get(own.path).content.decode()
    assert client.post(own.path, answer).status_code == 302
    assert own.now().establishment == clinic.pk


def test_it_measures_for_a_study_while_one_takes_part_and_stops_with_it(cast: Cast, enter: Enter, own: Own) -> None:
    """Another patient's study is none of one's own; leaving ends what measures for it."""
    study, theirs = (
        grants.join_research(
            who, cast.diane, project="Sommeil", families=["weight"], now_ms=NOW, until_ms=NOW + 30 * DAY_MS
        )
        for who in (cast.alice, cast.charlie)
    )
    client = confirmed(enter(cast.alice))
    assert client.post(own.path, {"part": f"research-{theirs}"}).status_code == 400
    assert client.post(own.path, {"part": f"research-{study}"}).status_code == 302
    assert own.now().klass == RecordKey.Class.RESEARCH
    assert "Lent to research: Sommeil" in client.get(f"/me/objects/{own.mine.id}").content.decode()
    count = Pairing.objects.count()
    client.post(own.path, {"part": f"research-{study}"})
    assert Pairing.objects.count() == count
    client.post(f"/me/sharing/research/{study}/leave")
    assert not Pairing.objects.filter(object=own.mine.id, until_ms=None).exists()
    assert client.get(own.path).status_code == 404


def test_what_a_service_gave_stays_in_care_or_is_lent_and_is_never_made_one_s_own(
    cast: Cast, enter: Enter
) -> None:
    """A care record is not made erasable by a click; nor is another patient's object anybody's to choose for."""
    client, path = confirmed(enter(cast.alice)), f"/me/objects/{cast.cuff.row.pk}/part"
    assert "My own measurements" not in client.get(path).content.decode()
    assert client.post(path, {"part": f"personal-{ESTABLISHMENT}"}).status_code == 400
    assert confirmed(enter(cast.charlie)).get(path).status_code == 404
    assert confirmed(enter(cast.bob)).get(path).status_code == 403
