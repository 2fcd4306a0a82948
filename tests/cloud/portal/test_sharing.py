"""Who may see: everybody with a reason, by name; a grant as a sentence; and every way to say no, at once."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.test import Client

from egide.cloud.consent import follow_ups, grants, representation, restrictions
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import ACCOUNT, Facts, Grant, Holder, Representation, Window
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.portal import sharing, words
from egide.cloud.portal.sharing import Draft
from egide.cloud.register.models import Statement
from egide.errors import NotFoundError, RefusedError
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter, confirmed
from tests.support.cast import Cast
from tests.support.ward import DAY_MS


@pytest.fixture
def paul(cast: Cast) -> Account:
    """Alice's brother."""
    return create_account("relative", "Paul Moreau", NOW - DAY_MS)


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def give(cast: Cast, who: Account, *families: str) -> str:
    return grants.give_grant(
        cast.alice, who, families=families or ("glucose",), purpose="SUPNWK", now_ms=NOW - 1000, until_ms=NOW + DAY_MS
    )


def answer_all(client: Client, who: dict[str, str], **more: str) -> None:
    """Every question but the last."""
    client.post("/me/sharing/new/who", who)
    client.post("/me/sharing/new/what", {"family": ["glucose", "pressure"], "data": "new"})
    client.post("/me/sharing/new/until", {"until": "30"})
    client.post("/me/sharing/new/for", {"for": more.get("purpose", "SUPNWK")})


def test_everybody_who_may_see_is_named_with_the_reason(cast: Cast, enter: Enter, paul: Account) -> None:
    """The team, whom one chose, and nobody else."""
    give(cast, paul)
    page = text(enter(cast.alice), "/me/sharing")
    for part in ("Dr Bob Durand", "Your care team", "Paul Moreau", "Whom you chose", "day-to-day help", "2 readers"):
        assert part in page
    assert "Diane" not in page
    assert "Nobody but you may see anything" in text(enter(cast.charlie), "/me/sharing")


def test_a_grant_is_one_question_a_page_then_a_sentence_then_a_yes(cast: Cast, enter: Enter, paul: Account) -> None:
    """Given with the code that Paul reads out: what was read aloud is what holds."""
    client = enter(cast.alice)
    confirmed(client)
    assert client.get("/me/sharing/new")["Location"] == "/me/sharing/new/who"
    answer_all(client, {"name": f"{paul.username[:4]} {paul.username[4:].upper()}"})
    answer = client.get("/me/sharing/new/review")
    page = answer.content.decode()
    for part in (
        "I let Paul Moreau see these measurements of mine: glucose and blood pressure.",
        "Only what is measured from today on.",
        "Until the end of 21 December 2026, unless I stop it before.",
        "So that they can help me day to day.",
        "If I say no, Paul Moreau sees nothing of it",
    ):
        assert part in page
    assert not grants.grants_of(cast.alice)
    read = {"text": answer.context["act"].mark}
    assert "It holds from now on" in client.post("/me/sharing/new/review", read, follow=True).content.decode()
    assert [notice.kind for notice in paul.notices.all()] == ["shared"]
    (given,) = grants.grants_of(cast.alice)
    assert (given.holder.id, given.purpose, given.data) == (
        str(paul.pk), "SUPNWK", Window(families=frozenset({"glucose", "pressure"}), since_ms=NOW)
    )  # fmt: skip
    assert words.local(given.until_ms or 0).isoformat() == "2026-12-22T00:00:00+01:00"
    assert client.post("/me/sharing/new/review")["Location"].endswith("/who")


def test_the_last_day_that_was_agreed_to_is_the_one_that_the_list_shows(
    cast: Cast, enter: Enter, paul: Account
) -> None:
    """A grant of a week ends with its last day, on the page of the yes as on the page of who may see."""
    client = enter(cast.alice)
    confirmed(client)
    answer_all(client, {"name": paul.username})
    said = re.search(r"Until the end of ([^,<]+),", text(client, "/me/sharing/new/review"))
    mark = re.search('name="text" value="([^"]+)"', text(client, "/me/sharing/new/review"))
    assert said
    assert mark
    client.post("/me/sharing/new/review", {"text": mark[1]})
    assert f"until {said[1]}</p>" in text(client, "/me/sharing")


def test_an_empty_answer_is_told_apart_from_a_name_that_nobody_has(cast: Cast, enter: Enter) -> None:
    """Who chose nobody is asked to choose, not told that nobody answers to that name."""
    client = enter(cast.alice)
    assert "Choose somebody" in client.post("/me/sharing/new/who", {"name": " "}).content.decode()
    assert "Nobody answers to that name" in client.post("/me/sharing/new/who", {"name": "x"}).content.decode()


def test_giving_asks_for_a_factor_and_narrowing_never_does(cast: Cast, enter: Enter, paul: Account) -> None:
    """A session found open cannot open a record; it can close one."""
    client = enter(cast.alice)
    for path in ("/me/sharing/new", "/me/sharing/new/review"):
        assert "/security/confirm" in client.get(path)["Location"]
    answer_all(client, {"name": paul.username})
    assert "/security/confirm" in client.post("/me/sharing/new/review")["Location"]
    assert not grants.grants_of(cast.alice)
    grant = give(cast, paul)
    assert (
        "They see nothing from now on"
        in client.post(f"/me/sharing/grants/{grant}/withdraw", follow=True).content.decode()
    )
    assert grants.grants_of(cast.alice)[0].until_ms == NOW


def test_the_answers_wait_sealed(cast: Cast, enter: Enter, paul: Account) -> None:
    """No table tells whom Alice thinks of; another person's session cannot use them."""
    client = enter(cast.alice)
    answer_all(client, {"name": paul.username})
    kept = client.session["draft.grant"]
    assert paul.pk.hex not in kept
    other = enter(cast.charlie)
    session = other.session
    session["draft.grant"] = kept
    session.save()
    assert other.get("/me/sharing/new/what")["Location"].endswith("/who")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("who", {}), ("who", {"name": "Charlie Petit"}), ("who", {"name": "Alice Moreau"}), ("who", {"who": "x"}),
        ("what", {}), ("what", {"family": "glucose"}), ("what", {"family": "wages", "data": "all"}),
        ("until", {}), ("until", {"until": "9999"}), ("until", {"until": "date", "day": "2026-11-20"}),
        ("until", {"until": "date", "day": "2099-01-01"}), ("until", {"until": "date", "day": "tomorrow"}),
        ("for", {}), ("for", {"for": "HMARKT"}), ("for", {"for": "PATRQT"}),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_comes_back_with_words(
    cast: Cast, enter: Enter, step: str, said: dict[str, str]
) -> None:
    """The same question, and nothing kept; a patient is never found by their name."""
    client = enter(cast.alice)
    answer = client.post(f"/me/sharing/new/{step}", said)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert "draft.grant" not in client.session


def test_a_professional_is_found_by_name_and_nobody_else_is(cast: Cast, paul: Account) -> None:
    """Relatives and patients only by the code that they give."""
    assert sharing.find_holder("diane  roux", cast.alice).id == str(cast.diane.pk)
    assert sharing.find_holder(paul.username, cast.alice).id == str(paul.pk)
    for name in ("Paul Moreau", "Charlie Petit", "", "nobody", cast.alice.username):
        with pytest.raises(NotFoundError):
            sharing.find_holder(name, cast.alice)


def test_nothing_typed_becomes_markup(cast: Cast, enter: Enter) -> None:
    """What was typed comes back as text."""
    page = enter(cast.alice).post("/me/sharing/new/who", {"name": '"><script>x</script>'}).content.decode()
    assert "<script>x" not in page


def test_a_grant_ends_with_the_day_across_the_change_of_hour() -> None:
    """The end of a day is that day's, in winter and summer time."""
    for day in ("2027-03-28", "2027-10-31", "2026-12-31"):
        until = sharing.until_of("date", day, now_ms=NOW)
        assert words.local(until).strftime("%H:%M:%S") == "00:00:00"
        assert words.local(until - 1).strftime("%Y-%m-%d") == day
    with pytest.raises(RefusedError):
        sharing.until_of("date", datetime.fromtimestamp(NOW / 1000, tz=words.zone()).strftime("%Y-%m-00"), now_ms=NOW)


def test_a_draft_keeps_what_it_was_told_and_nothing_invented() -> None:
    """A kept draft that says what no form can say is not answered."""
    full = Draft(
        holder=Holder(kind=ACCOUNT, id="x"), families=("glucose",), data="90", until_ms=NOW + 1, purpose="TREAT"
    )
    assert Draft.read(full.kept()) == full
    odd = Draft.read({"kind": "app", "families": ["wages"], "data": "never", "until": "soon", "purpose": "HMARKT"})
    assert odd == Draft()
    assert odd.missing(NOW) == "who"


def test_an_opposition_closes_the_record_at_once_and_can_be_taken_back(cast: Cast, enter: Enter) -> None:
    """Alice reads what changes, objects; Dr Bob is refused; taking it back asks for a factor."""
    client = enter(cast.alice)
    path = f"/me/sharing/team/{cast.bob.pk}/object"
    assert "nobody may: ask who does" in text(client, path)
    client.post(path)
    assert enter(cast.bob).get(f"/patients/{cast.alice.pk}").status_code == 403
    assert "You objected" in text(client, "/me/sharing")
    assert "/security/confirm" in client.post(f"/me/sharing/team/{cast.bob.pk}/agree")["Location"]
    confirmed(client)
    client.post(f"/me/sharing/team/{cast.bob.pk}/agree")
    assert enter(cast.bob).get(f"/patients/{cast.alice.pk}").status_code == 200


def test_only_somebody_of_the_team_can_be_objected_to(cast: Cast, enter: Enter) -> None:
    """Of a stranger, nothing is said."""
    assert enter(cast.alice).post(f"/me/sharing/team/{cast.diane.pk}/object").status_code == 404
    assert not facts_of(cast.alice.pk).oppositions


def test_a_mandate_is_the_patient_s_to_end_and_a_parent_s_right_is_not(cast: Cast, enter: Enter, paul: Account) -> None:
    """What a law gave is referred to the team: no button, and no address that does it."""
    client = enter(cast.alice)
    mandate, parent = (
        representation.represent(
            cast.alice, paul, nature=nature, deed="deed", recorded_by=cast.bob, now_ms=NOW, adult_ms=adult
        )
        for nature, adult in (("mandate", None), ("parent", NOW + DAY_MS))
    )
    page = text(client, "/me/sharing")
    assert "A law or a court gave this." in page
    assert f"/me/sharing/mandates/{parent}/end" not in page
    assert client.post(f"/me/sharing/mandates/{parent}/end").status_code == 404
    assert "End the mandate of Paul Moreau?" in text(client, f"/me/sharing/mandates/{mandate}/end")
    client.post(f"/me/sharing/mandates/{mandate}/end")
    assert {r.id: r.until_ms for r in facts_of(cast.alice.pk).representations} == {mandate: NOW, parent: None}


@pytest.mark.parametrize("who", ["charlie", "bob"])
def test_nobody_changes_another_s_sharing(cast: Cast, enter: Enter, paul: Account, who: str) -> None:
    """Every act is about one's own record: an id of Alice's opens nothing in another's session."""
    grant = give(cast, paul)
    hidden = restrictions.restrict(cast.alice, families=("weight",), now_ms=NOW)
    before = Statement.objects.filter(subject=cast.alice.pk).count()
    reader: Account = getattr(cast, who)
    client = enter(reader)
    confirmed(client)
    for path in (
        f"/me/sharing/grants/{grant}/withdraw", f"/me/sharing/hidden/{hidden}/lift",
        f"/me/sharing/team/{cast.bob.pk}/object", f"/me/sharing/research/{grant}/leave",
    ):  # fmt: skip
        assert client.post(path).status_code in (403, 404)
    assert Statement.objects.filter(subject=cast.alice.pk).count() == before


def test_those_known_already_are_offered_once_and_only_while_they_are_there(cast: Cast, paul: Account) -> None:
    """A closed account is not offered; oneself is not either."""
    gone = create_account("relative", "Rose Moreau", NOW)
    gone.is_active = False
    gone.save()
    told = [Holder(kind=ACCOUNT, id=str(a.pk)) for a in (paul, gone, cast.alice, paul)]
    facts = Facts(
        patient=str(cast.alice.pk),
        grants=tuple(
            Grant(id=str(n), patient="", holder=h, purpose="TREAT", data=Window(), since_ms=0, until_ms=None)
            for n, h in enumerate(told)
        ),
        representations=(
            Representation(
                id="r", patient="", representative=str(paul.pk), nature="mandate", deed="", since_ms=0, until_ms=None
            ),
        ),
    )  # fmt: skip
    assert sharing.known_holders(cast.alice, facts) == [told[0]]


def test_a_professional_has_no_such_pages(cast: Cast, enter: Enter) -> None:
    """They are about one's own record."""
    client = enter(cast.bob)
    confirmed(client)
    for path in ("/me/sharing", "/me/sharing/new", "/me/sharing/new/who", "/me/sharing/hide", "/me/sharing/hide/from"):
        assert client.get(path).status_code == 403


def test_the_team_that_left_is_no_longer_listed(cast: Cast, enter: Enter) -> None:
    """Only who may see today, or will."""
    care = follow_ups.begin_follow_up(
        cast.charlie, responsible=cast.bob, prescription="p", operator="o", recorded_by=cast.bob, now_ms=NOW - DAY_MS
    )
    assert "Dr Bob Durand" in text(enter(cast.charlie), "/me/sharing")
    follow_ups.close_follow_up(cast.charlie, care, reason="over", now_ms=NOW)
    assert "Dr Bob Durand" not in text(enter(cast.charlie), "/me/sharing")


def test_a_whole_follow_up_can_be_refused_and_agreed_to_again(cast: Cast, enter: Enter) -> None:
    """Charlie reads that nobody watches any more; the no is taken back with a factor, from the same page."""
    care = follow_ups.begin_follow_up(
        cast.charlie, responsible=cast.bob, prescription="p", operator="o", recorded_by=cast.bob, now_ms=NOW - DAY_MS
    )
    client = enter(cast.charlie)
    path = f"/me/sharing/follow-ups/{care}/object"
    assert path in text(client, "/me/sharing")
    assert "no alert reaches anybody" in text(client, path)
    client.post(path)
    assert enter(cast.bob).get(f"/patients/{cast.charlie.pk}").status_code == 403
    again = f"/me/sharing/follow-ups/{care}/agree"
    assert again in text(client, "/me/sharing")
    assert "/security/confirm" in client.post(again)["Location"]
    confirmed(client)
    client.post(again)
    assert enter(cast.bob).get(f"/patients/{cast.charlie.pk}").status_code == 200
    assert enter(cast.alice).post(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/me/objects", "/me/objects/add", "/me/journal/copy", "/me/sharing", "/me/sharing/new", "/me/sharing/new/who",
        "/me/sharing/new/review", "/me/sharing/hide", "/me/sharing/hide/from", "/settings/options",
        "/settings/options/how", "/settings/options/check",
    ],
)  # fmt: skip
def test_nothing_of_it_opens_without_signing_in(cast: Cast, path: str) -> None:
    """Each leads to the sign-in page, whether it is read or posted to, and writes nothing."""
    before = Statement.objects.count()
    for answer in (Client().get(path), Client().post(path)):
        assert answer.status_code == 405 or "/sign-in" in answer["Location"]
    assert Statement.objects.count() == before


@pytest.mark.parametrize(
    "path", ["/me/objects/add", "/me/sharing/new/who", "/me/sharing/hide/from", "/settings/options"]
)
def test_a_form_of_another_site_does_nothing(cast: Cast, path: str) -> None:
    """Without the token of our own pages it is refused, even in an open session."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    before = Statement.objects.count()
    assert client.post(path, {"model": "x", "who": "everyone", "sessions": "1"}).status_code == 400
    assert Statement.objects.count() == before
