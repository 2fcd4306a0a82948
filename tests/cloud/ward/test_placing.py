"""For which place an object measures, and how that is kept, is the engineer's to choose if a service gave it."""

from __future__ import annotations

from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.service import pair
from egide.cloud.keys.records import ESTABLISHMENT, care_key
from egide.cloud.people.models import Registration
from egide.cloud.portal import objects
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.signin.notices import is_unread
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm
from tests.support.cast import Cast


def running(cast: Cast) -> Pairing:
    return Pairing.objects.get(object=cast.cuff.row, until_ms=None)


def test_the_engineer_chooses_a_place_that_knows_the_patient(cast: Cast, offices: Offices, enter: Enter) -> None:
    """With a factor; in words that name no patient; and only once the patient is registered there."""
    client, path = enter(offices.engineer), f"/office/fleet/{cast.cuff.row.pk}"
    answer = {"place": str(offices.elsewhere.pk)}
    assert "a care record" in client.get(path).content.decode()
    Registration.objects.create(patient=cast.alice, establishment=offices.elsewhere, since_ms=NOW)
    client.post(f"{path}/place", answer)
    assert running(cast).establishment == ESTABLISHMENT
    confirm(client)
    page = client.get(path).content.decode()
    assert "Clinique des Tilleuls" in page
    assert "Alice" not in page
    assert client.post(f"{path}/place", answer).status_code == 302
    assert (running(cast).establishment, running(cast).klass) == (offices.elsewhere.pk, "care")
    assert client.post(f"{path}/place", {"place": str(ESTABLISHMENT)}).status_code == 302
    assert running(cast).establishment == ESTABLISHMENT


def test_a_place_that_does_not_know_the_patient_is_refused(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Nor is one that does not exist chosen."""
    client = enter(offices.engineer)
    confirm(client)
    for place in (str(offices.elsewhere.pk), "x", ""):
        assert client.post(f"/office/fleet/{cast.cuff.row.pk}/place", {"place": place}).status_code == 400
    assert Pairing.objects.filter(object=cast.cuff.row).count() == 1


def test_another_place_takes_nothing_from_where_it_is_kept(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Its engineer sees the object of a patient it knows, and does not move what another place keeps."""
    Registration.objects.create(patient=cast.alice, establishment=offices.elsewhere, since_ms=NOW)
    client, path = enter(offices.far_engineer), f"/office/fleet/{cast.cuff.row.pk}"
    confirm(client)
    assert client.get(path).status_code == 200
    assert client.post(f"{path}/place", {"place": str(offices.elsewhere.pk)}).status_code == 400
    assert running(cast).establishment == ESTABLISHMENT


def test_the_engineer_chooses_how_it_is_kept_in_a_signed_line_and_the_patient_is_told(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """With a factor; from then on; the pairing before is closed and not rewritten; and it can be chosen back."""
    client, path, before = enter(offices.engineer), f"/office/fleet/{cast.cuff.row.pk}", running(cast)
    client.post(f"{path}/kept", {"kept": "personal"})
    assert running(cast) == before
    confirm(client)
    assert "20 years, as a rule" in client.get(path).content.decode()
    assert client.post(f"{path}/kept", {"kept": "personal"}).status_code == 302
    after = running(cast)
    assert (after.klass, after.establishment, after.since_ms) == ("personal", ESTABLISHMENT, NOW)
    before.refresh_from_db()
    assert (before.klass, before.until_ms) == ("care", NOW)
    line = Statement.objects.filter(subject=cast.alice.pk, kind="pairing").latest("entry")
    said = open_statement(line, care_key(cast.alice.pk)).personal or {}
    assert (said["pairing"], said["class"], said["by"]) == (str(after.uuid), "personal", str(offices.engineer.pk))
    assert is_unread(cast.alice, "object-kept")
    assert client.post(f"{path}/kept", {"kept": "personal"}).status_code == 302
    assert Pairing.objects.filter(object=cast.cuff.row).count() == 2
    assert client.post(f"{path}/kept", {"kept": "care"}).status_code == 302
    assert running(cast).klass == "care"


def test_how_it_is_kept_is_chosen_among_two_answers_by_the_place_that_keeps_it(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """A study is joined by who takes part in it; another place's engineer takes nothing."""
    Registration.objects.create(patient=cast.alice, establishment=offices.elsewhere, since_ms=NOW)
    for who, answers in ((offices.engineer, ("research", "x", "")), (offices.far_engineer, ("personal", "care"))):
        client = enter(who)
        confirm(client)
        for answer in answers:
            assert client.post(f"/office/fleet/{cast.cuff.row.pk}/kept", {"kept": answer}).status_code == 400
    assert Pairing.objects.filter(object=cast.cuff.row).count() == 1


def test_what_a_patient_added_is_kept_as_they_choose(cast: Cast, offices: Offices, enter: Enter) -> None:
    """Nobody takes from them what they may erase."""
    mine = objects.add(cast.alice, "Balance", "", now_ms=NOW - 1)
    client, path = enter(offices.engineer), f"/office/fleet/{mine.id}"
    confirm(client)
    page = client.get(path).content.decode()
    assert "its patient’s own measurements" in page
    assert "Choose how what it measures is kept" not in page
    assert client.post(f"{path}/kept", {"kept": "care"}).status_code == 400
    assert Pairing.objects.get(object=mine.id).klass == "personal"


def test_what_a_patient_keeps_as_their_own_is_not_the_engineer_s_to_choose(
    cast: Cast, offices: Offices, enter: Enter
) -> None:
    """Only what measures for care."""
    Registration.objects.create(patient=cast.alice, establishment=offices.elsewhere, since_ms=NOW)
    pair(cast.cuff.row, cast.alice, NOW, klass="personal")
    client, path = enter(offices.engineer), f"/office/fleet/{cast.cuff.row.pk}"
    confirm(client)
    page = client.get(path).content.decode()
    assert "its patient’s own measurements" in page
    assert "Which establishment?" not in page
    assert client.post(f"{path}/place", {"place": str(offices.elsewhere.pk)}).status_code == 400
