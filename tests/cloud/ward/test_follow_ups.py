"""Inclusion, pause, end, replacement: what the pages let a team do, and nobody else."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from egide.cloud.consent import follow_ups, restrictions
from egide.cloud.consent.follow_ups import follow_ups_of
from egide.cloud.people.identity import declare_identity
from egide.cloud.people.models import Account, Membership
from egide.cloud.people.offices import dismiss
from egide.cloud.people.traits import Traits
from egide.cloud.portal import live
from egide.cloud.release.door import Ask, release, why
from egide.cloud.signin.models import Notice
from egide.cloud.ward.roster import roster
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm, give
from tests.support.cast import Cast
from tests.support.ward import DAY_MS, HOUR_MS, spot


@pytest.fixture
def bob(cast: Cast, offices: Offices, enter: Enter) -> Client:
    client = enter(cast.bob)
    confirm(client)
    return client


def form(cast: Cast, **other: object) -> dict[str, object]:
    return {
        "prescription": "Weight at home, six months",
        "responsible": str(cast.bob.pk),
        "team": [str(cast.bob.pk), str(cast.diane.pk)],
        "informed": "2026-11-20",
        "answer": "oral",
        **other,
    }


def begin(bob: Client, cast: Cast, **other: object) -> str:
    assert bob.post(f"/patients/{cast.charlie.pk}/include", form(cast, **other)).status_code == 302
    return follow_ups_of(cast.charlie)[-1].id


def test_an_inclusion_writes_down_everything_and_opens_the_record_to_the_team(cast: Cast, bob: Client) -> None:
    """Prescription, doctor, who is in, when told, what was answered and how: signed, and shown to the team."""
    begin(bob, cast)
    (care,) = follow_ups_of(cast.charlie)
    assert (care.prescription, care.responsible) == ("Weight at home, six months", str(cast.bob.pk))
    assert (care.agreed, care.how, care.recorded_by) == (True, "oral", str(cast.bob.pk))
    page = bob.get(f"/patients/{cast.charlie.pk}/follow-up").content.decode()
    for shown in ("Weight at home", "Dr Bob Durand", "Diane Roux", "orally", "20 November 2026"):
        assert shown in page
    assert {line.name for line in roster(cast.diane, now_ms=NOW)} == {"Charlie Petit"}


def test_a_refusal_is_traced_and_opens_nothing(cast: Cast, bob: Client) -> None:
    """Nobody joins a team that was refused."""
    begin(bob, cast, answer="refused")
    assert follow_ups_of(cast.charlie)[0].agreed is False
    assert bob.get(f"/patients/{cast.charlie.pk}").status_code == 403


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"prescription": ""}, id="no-prescription"),
        pytest.param({"responsible": str(uuid.uuid4())}, id="no-such-doctor"),
        pytest.param({"informed": ""}, id="agreed-and-not-told"),
        pytest.param({"informed": "2027-01-01"}, id="told-tomorrow"),
        pytest.param({"answer": "silence"}, id="no-such-answer"),
    ],
)
def test_an_inclusion_that_lacks_something_begins_nothing(cast: Cast, bob: Client, other: dict[str, object]) -> None:
    """The page says what is missing, and keeps what was typed."""
    answer = bob.post(f"/patients/{cast.charlie.pk}/include", form(cast, **other))
    assert answer.status_code == 400
    assert follow_ups_of(cast.charlie) == ()


def test_a_no_is_not_undone_by_asking_again(cast: Cast, bob: Client, enter: Enter) -> None:
    """Neither as not asked yet nor as a yes that somebody wrote down; nor does who was opposed let others in."""
    key = begin(bob, cast)
    join = f"/patients/{cast.charlie.pk}/follow-up/{key}/join"
    follow_ups.oppose(cast.charlie, follow_up=key, now_ms=NOW)
    for answer in ("later", "oral"):
        assert bob.post(f"/patients/{cast.charlie.pk}/include", form(cast, answer=answer)).status_code == 400
    assert bob.get(f"/patients/{cast.charlie.pk}/follow-up").status_code == 404
    assert bob.post(join, {"who": str(cast.diane.pk)}).status_code == 404
    assert bob.get(f"/patients/{cast.charlie.pk}").status_code == 403
    follow_ups.lift_opposition(cast.charlie, follow_up=key, now_ms=NOW)
    assert bob.get(f"/patients/{cast.charlie.pk}").status_code == 200


def test_a_refusal_at_the_start_holds_until_the_patient_takes_it_back(cast: Cast, bob: Client, enter: Enter) -> None:
    """On their own page, with their own factor; then they can be included."""
    begin(bob, cast, answer="refused")
    refused = follow_ups_of(cast.charlie)[0]
    assert bob.post(f"/patients/{cast.charlie.pk}/include", form(cast, answer="later")).status_code == 400
    charlie = enter(cast.charlie)
    confirm(charlie)
    assert "Dr Bob Durand" in charlie.get("/me/sharing").content.decode()
    assert charlie.post(f"/me/sharing/follow-ups/{refused.id}/agree").status_code == 302
    begin(bob, cast)
    assert bob.get(f"/patients/{cast.charlie.pk}").status_code == 200


def test_who_was_opposed_by_name_is_let_into_no_team(cast: Cast, bob: Client, enter: Enter) -> None:
    """Their page of the follow-up is gone, and a colleague does not bring them back."""
    key = begin(bob, cast)
    follow_ups.oppose(cast.charlie, professional=cast.bob, now_ms=NOW)
    assert bob.get(f"/patients/{cast.charlie.pk}/follow-up").status_code == 404
    diane = enter(cast.diane)
    confirm(diane)
    diane.post(f"/patients/{cast.charlie.pk}/follow-up/{key}/leave", {"who": str(cast.bob.pk)})
    again = diane.post(f"/patients/{cast.charlie.pk}/follow-up/{key}/join", {"who": str(cast.bob.pk)})
    assert again.status_code == 400
    assert diane.post(f"/patients/{cast.charlie.pk}/include", form(cast)).status_code == 400


def test_the_patient_is_told_of_who_was_let_in(cast: Cast, bob: Client) -> None:
    """At the inclusion, and when somebody joins."""
    key = begin(bob, cast, team=[str(cast.bob.pk)])
    bob.post(f"/patients/{cast.charlie.pk}/follow-up/{key}/join", {"who": str(cast.diane.pk)})
    assert Notice.objects.filter(account=cast.charlie, kind="team").count() == 2


def test_whoever_was_dismissed_reads_nothing_more(cast: Cast, offices: Offices, bob: Client) -> None:
    """The lists are empty, and a record that their place might not see whole is not seen at all; a new office opens."""
    restrictions.restrict(cast.alice, families=["glucose"], who=offices.here, now_ms=NOW)
    address = f"/patients/{cast.alice.pk}"
    assert bob.get(address).status_code == 200
    ask = Ask(reader=cast.bob, patient=cast.alice, purpose="TREAT", since_ms=0, until_ms=NOW, channel="page")
    before = {c.code for c in release(ask, now_ms=NOW).columns}
    dismiss(Membership.objects.get(account=cast.bob), by=offices.administrator, now_ms=NOW)
    assert why(ask, now_ms=NOW).reason == "no-office"
    assert bob.get(address).status_code == 403
    assert bob.get(f"{address}/follow-up").status_code == 404
    assert "Alice" not in bob.get("/patients").content.decode()
    give(cast.bob, "doctor", offices.elsewhere)
    assert {c.code for c in release(ask, now_ms=NOW).columns} == before


def test_an_account_that_never_held_an_office_reads_by_its_follow_up(cast: Cast, enter: Enter) -> None:
    """A practice of one, which the operator made."""
    assert enter(cast.bob).get(f"/patients/{cast.alice.pk}").status_code == 200


def test_a_pause_stops_marking_silence_and_ends_when_resumed(
    cast: Cast, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Charlie's scale is silent for a fortnight: marked, unless he is in hospital."""
    key = begin(bob, cast)
    scale = cast.ward.thing("Balance", cast.charlie)
    scale.send(spot("29463-7", "kg", "80.0"), t0_ms=NOW - HOUR_MS)
    later = NOW + 14 * DAY_MS
    monkeypatch.setattr(live, "now_ms", lambda: later)

    def codes() -> list[str]:
        return [r.code for line in roster(cast.diane, now_ms=later) for r in line.reasons]

    assert codes() == ["silent"]
    address = f"/patients/{cast.charlie.pk}/follow-up/{key}"
    assert bob.post(f"{address}/pause", {"reason": "hospital", "until": ""}).status_code == 302
    assert codes() == ["paused"]
    assert bob.post(f"{address}/pause").status_code == 400
    assert bob.post(f"{address}/resume").status_code == 302
    assert codes() == ["silent"]


def test_an_end_needs_to_be_confirmed_and_closes_everybodys_access(cast: Cast, bob: Client, enter: Enter) -> None:
    """A stray request ends nothing; then neither Bob nor Diane reads."""
    key = begin(bob, cast)
    address = f"/patients/{cast.charlie.pk}/follow-up/{key}/end"
    assert bob.post(address, {"reason": "recovered"}).status_code == 400
    assert bob.post(address, {"reason": "recovered", "sure": "yes"}).status_code == 302
    for who in (cast.bob, cast.diane):
        assert enter(who).get(f"/patients/{cast.charlie.pk}").status_code == 403


def test_a_replacement_reads_between_its_dates(
    cast: Cast, offices: Offices, bob: Client, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Diane stands in for Bob from tomorrow for three days, and only then."""
    key = begin(bob, cast, team=[str(cast.bob.pk)])
    day = {"since": "2026-11-22", "until": "2026-11-24", "who": str(cast.diane.pk), "replaces": str(cast.bob.pk)}
    assert bob.post(f"/patients/{cast.charlie.pk}/follow-up/{key}/join", day).status_code == 302
    diane = enter(cast.diane)
    seen = []
    for days in (0, 1, 3, 5):
        monkeypatch.setattr(live, "now_ms", lambda days=days: NOW + days * DAY_MS)
        seen.append(diane.get(f"/patients/{cast.charlie.pk}").status_code)
    assert seen == [403, 200, 200, 403]


def test_widening_asks_for_a_factor_and_narrowing_never(cast: Cast, bob: Client, enter: Enter) -> None:
    """Including and letting in ask; pausing, leaving, ending do not."""
    key = begin(bob, cast)
    plain = enter(cast.bob)
    asked = plain.post(f"/patients/{cast.charlie.pk}/include", form(cast))
    assert "confirm" in asked.headers["Location"]
    asked = plain.post(f"/patients/{cast.charlie.pk}/follow-up/{key}/join", {"who": str(cast.diane.pk)})
    assert "confirm" in asked.headers["Location"]
    done = plain.post(f"/patients/{cast.charlie.pk}/follow-up/{key}/leave", {"who": str(cast.diane.pk)})
    assert done.headers["Location"].endswith("/follow-up")
    assert enter(cast.diane).get(f"/patients/{cast.charlie.pk}").status_code == 403


def test_a_follow_up_is_its_teams_alone(cast: Cast, offices: Offices, bob: Client, enter: Enter) -> None:
    """Diane, who is not in it, and people elsewhere are told that it does not exist; nothing changes."""
    key = begin(bob, cast, team=[str(cast.bob.pk)])
    address = f"/patients/{cast.charlie.pk}/follow-up"
    for who in (cast.diane, offices.far_doctor, offices.administrator, cast.alice, cast.charlie):
        client = enter(who)
        confirm(client)
        assert client.get(address).status_code in (403, 404)
        for act in ("pause", "resume", "end", "leave", "refused", "join"):
            answer = client.post(f"{address}/{key}/{act}", {"sure": "yes", "reason": "x", "who": str(cast.bob.pk)})
            assert answer.status_code in (403, 404), (who, act)
    (care,) = follow_ups_of(cast.charlie)
    assert (care.until_ms, care.pauses, care.agreed) == (None, (), True)


def test_a_patient_is_found_by_name_and_birth_date_where_one_works(
    cast: Cast, offices: Offices, bob: Client, enter: Enter
) -> None:
    """Both are needed; a homonym is said; elsewhere nobody is found; nothing stands in an address."""
    identify(cast.charlie, cast.bob, "Charlie", "Petit")
    found = bob.post("/patients/find", {"name": "petit", "born": "1950-02-03"}).content.decode()
    assert f"/patients/{cast.charlie.pk}/include" in found
    assert "Nobody registered" in bob.post("/patients/find", {"name": "petit", "born": "1950-02-04"}).content.decode()
    assert bob.post("/patients/find", {"name": "petit", "born": ""}).status_code == 400
    far = enter(offices.far_doctor).post("/patients/find", {"name": "petit", "born": "1950-02-03"})
    assert str(cast.charlie.pk) not in far.content.decode()
    assert str(cast.charlie.pk) not in bob.get("/patients/find?name=petit&born=1950-02-03").content.decode()


def identify(patient: Account, by: Account, given: str, name: str) -> None:
    traits = Traits(birth_name=name, given_names=given, birth_date="1950-02-03", sex="M")
    declare_identity(patient, traits, by=by, now_ms=NOW - 10)


def test_why_tells_the_ground_and_nothing_of_what_is_kept(cast: Cast, bob: Client, enter: Enter) -> None:
    """Team, prescription, agreement; whether something is restricted does not change a byte of it."""
    from egide.cloud.consent.restrictions import restrict

    begin(bob, cast)
    address = f"/patients/{cast.charlie.pk}/why"
    before = bob.get(address).content.decode()
    for shown in ("member of the follow-up", "Weight at home", "The patient agreed orally", "care"):
        assert shown in before
    restrict(cast.charlie, families=["weight"], who=cast.bob, now_ms=NOW - 1)
    after = bob.get(address).content.decode()
    assert plain(before) == plain(after)
    assert enter(cast.alice).get(address).status_code == 403


def plain(page: str) -> str:
    """Without what changes at each look: the form's token and the entry's number."""
    import re

    return re.sub(r'value="[^"]*"|Register, entry [\d,]+', "", page)
