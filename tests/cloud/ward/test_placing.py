"""For which establishment an object measures is the engineer's to choose, among places that know its patient."""

from __future__ import annotations

from egide.cloud.fleet.models import Pairing
from egide.cloud.fleet.service import pair
from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.models import Registration
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
