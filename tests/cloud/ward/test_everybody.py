"""Every address of the ward, walked as every role of here, of elsewhere and of none."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern

from egide.cloud.consent import projects
from egide.cloud.consent.emergency import break_glass
from egide.cloud.consent.follow_ups import begin_follow_up
from egide.cloud.consent.models import ProjectProposal
from egide.cloud.fleet.models import Attribution
from egide.cloud.people.invitations import invite_staff
from egide.cloud.people.models import Account, Invitation, Membership
from egide.cloud.people.offices import propose, seat
from egide.cloud.people.service import create_account
from egide.cloud.portal import questions
from egide.cloud.register.models import Statement
from egide.cloud.release import attribution, withheld
from egide.cloud.release.door import Ask, release
from egide.cloud.ward.urls import urlpatterns
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm
from tests.support.cast import Cast

SECRETS = ("Alice", "Moreau", "mg/dL", "mmHg", "Found unconscious", "Weight at home", "Dr Bob", "Sophie Garde",
           "Ivan Attend", "Balance Claire")  # fmt: skip
#: What a journaled refusal, or an officer's look, may add to the register; nothing else may change.
TRACES = {"access", "stream-end", "officer-look"}


def addresses(cast: Cast, offices: Offices) -> Iterator[str]:
    """Each pattern, with the ids of rows that exist and are somebody else's."""
    care = begin_follow_up(
        cast.alice, responsible=cast.bob, prescription="Weight at home", operator="x", recorded_by=cast.bob,
        now_ms=NOW - 900, informed_ms=NOW - 950, agreed=True, how="oral",
    )  # fmt: skip
    glass = break_glass(cast.bob, cast.alice, reason="Found unconscious", families=None, now_ms=NOW - 800)
    newcomer = create_account("professional", "Nina Neuve", NOW - 1_000)
    proposal = propose(newcomer, offices.here, "nurse", by=offices.security, now_ms=NOW - 500)
    ids = {
        "patient_id": cast.alice.pk,
        "follow_up": care,
        "act": "end",
        "emergency_id": glass,
        "proposal_id": proposal.pk,
        "account_id": cast.diane.pk,
        "membership_id": Membership.objects.get(account=cast.diane).pk,
        "object_id": cast.scale.row.pk,
        "attribution_id": _proposed(cast).pk,
        "question_id": _asked(cast),
        "ask_id": withheld.ask_to_withhold(cast.bob, cast.alice, reason="r", now_ms=NOW - 400),
        "place_id": offices.here.pk,
        "project_id": _project(offices).pk,
        "invitation_id": Invitation.objects.get(account=invited(offices)).pk,
    }
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        route = str(pattern.pattern)
        for name in pattern.pattern.converters:
            converter = f"{type(pattern.pattern.converters[name]).__name__}"
            word = {"UUIDConverter": "uuid", "Act": "act"}[converter]
            route = route.replace(f"<{word}:{name}>", str(ids[name]))
        yield "/" + route + (f"?p={cast.alice.pk}" if route == "stream" else "")


def _project(offices: Offices) -> ProjectProposal:
    terms = projects.Terms(
        title="Weight at home", purpose="p", ethics="e", families=frozenset({"weight"}), past_days=0,
        until_ms=NOW + 86_400_000,
    )  # fmt: skip
    return projects.propose_project(offices.researcher, offices.here, terms, now_ms=NOW - 300)


def _proposed(cast: Cast) -> Attribution:
    """Somebody here says that what the scale measured is Charlie's."""
    return attribution.propose(
        cast.scale.pairing, cast.charlie, since_ms=0, until_ms=None, reason="r", by=cast.bob, now_ms=NOW - 500
    )


def _asked(cast: Cast) -> str:
    """Alice asks about a line of her journal."""
    seen = Ask(
        reader=cast.bob, patient=cast.alice, purpose="TREAT", since_ms=NOW - 60_000, until_ms=NOW, channel="page"
    )
    release(seen, now_ms=NOW - 300)
    line = Statement.objects.filter(kind="access", subject=cast.alice.pk).order_by("-entry")[0]
    return questions.ask(cast.alice, line.entry, "question", "q", now_ms=NOW - 200)


def invited(offices: Offices) -> Account:
    """Somebody of here who has not used their invitation."""
    account = create_account("professional", "Ivan Attend", NOW - 1_000)
    seat(account, offices.here, "nurse", by=(account, account), now_ms=NOW - 900, how="ceremony")
    invite_staff(account, offices.here, by=offices.administrator, now_ms=NOW - 800)
    return account


def kinds_added(before: int) -> set[str]:
    return set(Statement.objects.filter(entry__gt=before).values_list("kind", flat=True))


def newest() -> int:
    return Statement.objects.order_by("-entry").values_list("entry", flat=True)[0]


@pytest.mark.parametrize(
    "who",
    [
        "far_security", "far_dpo", "far_administrator", "far_doctor", "far_engineer", "far_auditor", "far_researcher",
        "far_maker", "relative", "charlie",
    ],
)  # fmt: skip
def test_no_address_gives_anything_of_here_to_who_is_elsewhere(
    cast: Cast, offices: Offices, enter: Enter, who: str
) -> None:
    """Read or posted to, with a factor just presented: no name, no value, no act; at most the trace of a refusal."""
    account: Account = (
        create_account("relative", "Rita Proche", NOW - 1_000)
        if who == "relative"
        else getattr(cast if who == "charlie" else offices, who)
    )
    paths = list(addresses(cast, offices))
    client = enter(account)
    confirm(client)
    before = newest()
    for path in paths:
        for answer in (client.get(path), client.post(path, {"sure": "yes", "verdict": "justified", "note": "x"})):
            assert answer.status_code in (200, 302, 400, 403, 404, 405), path
            if not answer.streaming:
                shown = answer.content.decode()
                assert not [secret for secret in SECRETS if secret in shown], (who, path)
    assert kinds_added(before) <= TRACES


def test_nobody_signed_in_reaches_nothing(cast: Cast, offices: Offices) -> None:
    """Each address leads to the sign-in page, or refuses; nothing is written."""
    paths = list(addresses(cast, offices))
    before = newest()
    for path in paths:
        for answer in (Client().get(path), Client().post(path)):
            assert answer.status_code in (302, 403, 405), path
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/sign-in"), path
    assert newest() == before


def test_an_unknown_id_answers_as_anothers(cast: Cast, offices: Offices, enter: Enter) -> None:
    """What exists elsewhere and what exists nowhere cannot be told apart."""
    client = enter(offices.far_doctor)
    confirm(client)
    for path in addresses(cast, offices):
        other = path.replace(str(cast.alice.pk), str(uuid.uuid4()))
        assert client.get(path).status_code == client.get(other).status_code, path
        assert client.post(path, {"sure": "yes"}).status_code == client.post(other, {"sure": "yes"}).status_code, path
