"""My objects: what measures me, under which name, and what I decide about it."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client

from egide.cloud.consent.follow_ups import begin_follow_up, close_follow_up
from egide.cloud.fleet.models import Claim, HealthObject, Pairing
from egide.cloud.fleet.service import pair, unpair
from egide.cloud.people.models import Account
from egide.cloud.portal import live, objects
from egide.cloud.portal.objects import is_silent, my_object, my_objects
from egide.cloud.register.models import Statement
from egide.cloud.vault.models import Envelope
from egide.trust.claim import ClaimTicket
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import DAY_MS, HOUR_MS, spot

MIN = 60_000


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_each_object_says_when_it_was_last_heard_and_how_far_it_is_trusted(cast: Cast, enter: Enter) -> None:
    """All four of Alice's, with the words of their trust, and none of Charlie's."""
    page = text(enter(cast.alice), "/me/objects")
    parts = ("Glucosense 2", "Tensio Bras", "Montre Pouls", "Balance Claire", "Last heard:", "Relayed by a gateway")
    assert [part for part in parts if part not in page] == []
    assert "You have no object here yet" in text(enter(cast.charlie), "/me/objects")


def test_an_object_says_who_operates_it(cast: Cast, enter: Enter) -> None:
    """The operator of a follow-up in force, by the name that was signed; the service, where nobody does."""
    page = f"/me/objects/{cast.scale.row.pk}"
    assert "The service that gave it to you" in text(enter(cast.alice), page)
    care = begin_follow_up(
        cast.alice, responsible=cast.bob, prescription="Weight at home", operator="Hôpital des Pins",
        recorded_by=cast.bob, now_ms=NOW - 900, informed_ms=NOW - 950, agreed=True, how="oral",
    )  # fmt: skip
    assert "Hôpital des Pins" in text(enter(cast.alice), page)
    close_follow_up(cast.alice, care, now_ms=NOW - 100, reason="done")
    assert "Hôpital des Pins" not in text(enter(cast.alice), page)


@pytest.mark.parametrize(
    ("heard", "silent"),
    [
        pytest.param([], False, id="never-heard-is-not-silent"),
        pytest.param([NOW - 23 * HOUR_MS], False, id="less-than-a-day"),
        pytest.param([NOW - 25 * HOUR_MS, NOW - 26 * HOUR_MS], True, id="hourly-quiet-for-a-day"),
        pytest.param([NOW - 5 * DAY_MS, NOW - 9 * DAY_MS, NOW - 13 * DAY_MS], False, id="a-scale-every-four-days"),
        pytest.param([NOW - 13 * DAY_MS, NOW - 17 * DAY_MS], True, id="the-scale-missed-three"),
    ],
)
def test_silence_is_judged_by_the_object_s_own_rhythm(heard: list[int], silent: bool) -> None:
    """Three of its usual pauses, and a day at least."""
    assert is_silent(heard, NOW) is silent


def test_a_new_object_joins_by_the_code_that_its_page_shows(cast: Cast, enter: Enter) -> None:
    """Added, paired at once, waiting; the code is a ticket that parses, shown only in an answer to a form."""
    client = enter(cast.charlie)
    answer = client.post("/me/objects/add", {"model": "Oxy Doigt", "name": "Mon oxymètre"})
    where = answer["Location"]
    page = text(client, where)
    assert "Mon oxymètre" in page
    assert "Waiting to join" in page
    assert "egide:enrol" not in page
    shown = client.post(f"{where}/code").content.decode()
    found = re.search(r"egide:enrol[^<]+", shown)
    assert found is not None
    ticket = ClaimTicket.parse(found[0].replace("&amp;", "&"))
    assert Claim.objects.get(pk=ticket.claim_id).object.pairings.get().patient == cast.charlie
    assert "<svg" in shown
    assert "no-store" in client.post(f"{where}/code").headers["Cache-Control"]


def test_asking_for_another_code_ends_the_first(cast: Cast, enter: Enter) -> None:
    """Only the last one shown can be used."""
    client = enter(cast.charlie)
    where = client.post("/me/objects/add", {"model": "Oxy Doigt"})["Location"]
    client.post(f"{where}/code")
    client.post(f"{where}/code")
    mine = Claim.objects.filter(used_ms=None).order_by("expires_ms")
    assert list(mine.values_list("expires_ms", flat=True)) == [NOW, NOW + HOUR_MS]


def test_a_joined_object_gives_no_code(cast: Cast, enter: Enter) -> None:
    """A code would let another thing take its place."""
    before = Claim.objects.count()
    assert enter(cast.alice).post(f"/me/objects/{cast.watch.row.pk}/code").status_code == 400
    assert Claim.objects.count() == before


def test_a_name_is_the_patient_s_own_and_lies_sealed(cast: Cast, enter: Enter) -> None:
    """The page says it; neither the statement nor the object's row does; an empty one gives the maker's back."""
    client = enter(cast.alice)
    where = f"/me/objects/{cast.watch.row.pk}"
    client.post(f"{where}/name", {"name": "Montre de  Mamie"})
    assert "Montre de Mamie" in text(client, "/me/objects")
    body = bytes(Statement.objects.get(kind="object-note").body)
    assert b"Mamie" not in body
    assert HealthObject.objects.get(pk=cast.watch.row.pk).model == "Montre Pouls"
    client.post(f"{where}/name", {"name": ""})
    assert my_object(cast.alice, cast.watch.row.pk, now_ms=NOW).name == "Montre Pouls"


@pytest.mark.parametrize("name", ["x" * 61, "a\u0000b"])
def test_a_name_that_cannot_be_is_refused_kindly(cast: Cast, enter: Enter, name: str) -> None:
    """The page comes back and says so; nothing is written."""
    answer = enter(cast.alice).post(f"/me/objects/{cast.watch.row.pk}/name", {"name": name})
    assert answer.status_code == 400
    assert "60 characters" in answer.content.decode()
    assert not Statement.objects.filter(kind="object-note").exists()


def test_a_free_text_is_never_markup(cast: Cast, enter: Enter) -> None:
    """A name and a maker's name are shown as they were typed."""
    client = enter(cast.alice)
    client.post("/me/objects/add", {"model": "<script>alert(1)</script>", "name": '"><img src=x>'})
    page = text(client, "/me/objects")
    assert "<script>alert" not in page
    assert "<img src" not in page
    assert "&lt;script&gt;" in page


def test_a_pause_names_its_consequences_and_can_be_undone(cast: Cast, enter: Enter) -> None:
    """Before: what stops. Then nobody is measured: what comes is kept and shown to no one. Then it starts again."""
    client = enter(cast.alice)
    where = f"/me/objects/{cast.scale.row.pk}"
    asked = text(client, f"{where}/pause")
    assert "an alert may come late" in asked
    assert "You can start it again" in asked
    client.post(f"{where}/pause")
    assert "It measures nobody for now." in text(client, where)
    cast.scale.send(spot("29463-7", "kg", "99.9"), t0_ms=NOW + MIN)
    assert "99.9" not in text(client, "/me?metric=29463-7")
    client.post(f"{where}/resume")
    assert my_object(cast.alice, cast.scale.row.pk, now_ms=NOW).state == "measuring"
    assert Pairing.objects.filter(object=cast.scale.row, patient=cast.alice).count() == 2


def test_a_removed_object_leaves_the_list_and_can_be_put_back(cast: Cast, enter: Enter) -> None:
    """It is folded under those of before, until it is put back."""
    client = enter(cast.alice)
    where = f"/me/objects/{cast.cuff.row.pk}"
    client.post(f"{where}/remove")
    assert "1 object that measured you before" in text(client, "/me/objects")
    client.post(f"{where}/resume")
    assert "measured you before" not in text(client, "/me/objects")


def test_a_lost_object_is_stopped_for_good(cast: Cast, enter: Enter) -> None:
    """Revoked and unpaired; nothing takes it up again, and the page says so before."""
    client = enter(cast.alice)
    where = f"/me/objects/{cast.watch.row.pk}"
    assert "cannot be undone" in text(client, f"{where}/lost")
    client.post(f"{where}/lost")
    assert HealthObject.objects.get(pk=cast.watch.row.pk).revoked_why == "lost"
    assert my_object(cast.alice, cast.watch.row.pk, now_ms=NOW).state == "stopped"
    assert client.post(f"{where}/resume").status_code == 400
    answer = cast.watch.deliver(cast.watch.sign(spot("8867-4", "/min", "70"), t0_ms=NOW + MIN), NOW + MIN)
    assert answer.code == "certificate-revoked"


def test_what_another_ended_cannot_be_taken_up_again(cast: Cast, enter: Enter) -> None:
    """An object given back, or lent to the next patient, is not its last patient's to claim."""
    client = enter(cast.alice)
    unpair(cast.scale.pairing, NOW)
    assert client.post(f"/me/objects/{cast.scale.row.pk}/resume").status_code == 400
    client.post(f"/me/objects/{cast.cuff.row.pk}/pause")
    pair(cast.cuff.row, cast.charlie, NOW + 1)
    assert client.post(f"/me/objects/{cast.cuff.row.pk}/resume").status_code == 400
    assert not Pairing.objects.filter(object=cast.cuff.row, patient=cast.alice, until_ms=None).exists()


ACTS = ["", "/name", "/pause", "/remove", "/lost", "/resume", "/code"]


@pytest.mark.parametrize("act", ACTS)
def test_another_s_object_is_not_there(cast: Cast, enter: Enter, act: str) -> None:
    """Charlie meets the page of what does not exist, for Alice's object as for none, and nothing changes."""
    before = Statement.objects.count()
    for name in (cast.watch.row.pk, uuid.uuid4()):
        client = enter(cast.charlie)
        path = f"/me/objects/{name}{act}"
        answer = client.post(path) if act else client.get(path)
        assert answer.status_code == 404
    assert Statement.objects.count() == before


@pytest.mark.parametrize("who", ["bob", "diane"])
def test_only_a_patient_has_objects(cast: Cast, enter: Enter, who: str) -> None:
    """A professional's account has none of its own."""
    reader: Account = getattr(cast, who)
    for path in ("/me/objects", "/me/objects/add", f"/me/objects/{cast.watch.row.pk}"):
        assert enter(reader).get(path).status_code == 403


def test_a_note_that_the_platform_did_not_sign_says_nothing(cast: Cast, enter: Enter) -> None:
    """Whoever writes into the table does not thereby rename, or take up, an object."""
    enter(cast.alice).post(f"/me/objects/{cast.watch.row.pk}/pause")
    row = Statement.objects.get(kind="object-note")
    row.body = bytes(row.body)[:-1] + bytes([bytes(row.body)[-1] ^ 1])
    row.save()
    assert my_object(cast.alice, cast.watch.row.pk, now_ms=NOW).state == "ended"


def test_a_record_holds_no_more_objects_than_a_page_can_show(
    cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is refused, with words."""
    monkeypatch.setattr(objects, "MAX_OBJECTS", 4)
    answer = enter(cast.alice).post("/me/objects/add", {"model": "Une de trop"})
    assert answer.status_code == 400
    assert "40 objects at most" in answer.content.decode()


def test_last_heard_is_when_it_arrived(cast: Cast) -> None:
    """Not the instant that the object's clock said."""
    latest = Envelope.objects.filter(pairing=cast.scale.pairing).order_by("-entry").first()
    assert latest is not None
    assert my_object(cast.alice, cast.scale.row.pk, now_ms=NOW).heard_ms == latest.received_ms
    assert [mine.silent for mine in my_objects(cast.alice, now_ms=NOW)] == [False] * 4


def test_the_home_page_names_the_object_that_fell_silent(
    cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name that the patient gave; none is named while all keep their rhythm."""
    client = enter(cast.alice)
    assert "None of your objects has been quiet for longer than usual." in text(client, "/")
    client.post(f"/me/objects/{cast.watch.row.pk}/name", {"name": "Ma montre"})
    monkeypatch.setattr(live, "now_ms", lambda: NOW + 30 * HOUR_MS)
    client.force_login(cast.alice)
    page = text(client, "/")
    quiet = re.search(r"Quiet for longer than usual: ([^.]*)\.", page)
    assert quiet is not None
    assert "Ma montre" in quiet[1]
    assert "Balance Claire" not in quiet[1]
