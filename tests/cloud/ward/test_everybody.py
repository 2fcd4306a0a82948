"""Every address that people reach, of every app, walked as every role of elsewhere, of none, and signed out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from egide.cloud.consent import projects
from egide.cloud.consent.emergency import break_glass
from egide.cloud.consent.follow_ups import begin_follow_up
from egide.cloud.consent.grants import give_grant
from egide.cloud.consent.models import ProjectProposal
from egide.cloud.consent.restrictions import restrict
from egide.cloud.fleet.models import Attribution
from egide.cloud.governance import requests
from egide.cloud.people.invitations import invite_staff
from egide.cloud.people.models import Account, Invitation, Membership
from egide.cloud.people.offices import propose, seat
from egide.cloud.people.service import create_account
from egide.cloud.portal import questions
from egide.cloud.register.models import Statement
from egide.cloud.release import attribution, withheld
from egide.cloud.release.door import Ask, release
from egide.cloud.vault.models import Envelope
from tests.cloud.conftest import NOW
from tests.cloud.ward.conftest import Enter, Offices, confirm
from tests.support.cast import Cast

SECRETS = ("Alice", "Moreau", "mg/dL", "mmHg", "Found unconscious", "Weight at home", "Dr Bob", "Sophie Garde",
           "Ivan Attend", "Balance Claire")  # fmt: skip
NOBODYS = uuid.UUID(int=7)
#: What a journaled refusal, or an officer's look, may add to the register; nothing else may change.
TRACES = {"access", "stream-end", "officer-look"}
#: What somebody may write about themselves by posting everywhere.
THEIR_OWN = {
    "emergency-refusal", "emergency-consent", "right", "factor", "factor-end", "setting", "secret", "grant", "pairing",
    "object-note",
}  # fmt: skip


#: Words that addresses hold; a factor's number.
WORDS = {
    "act": "end", "step": "who", "name": "grant", "family": "glucose", "code": "refused", "kind": "access",
    "key": "psc", "factor_id": 7,
}  # fmt: skip
#: What nobody here has a row of: any id does.
NO_ROW = {
    "rule_id", "contact_id", "way_id", "participation_id", "representation_id", "parted_id",
    "agreement_id", "number", "app_id", "workstation", "merge_id", "destruction_id",
}  # fmt: skip

#: What answers a person who is not signed in, and why.
ANYBODY = {
    "portal:home": "says what this is, and leads to the sign-in", "portal:sign-in": "the way in",
    "portal:sign-out": "the way out", "portal:design": "examples that are made up", "portal:language": "a preference",
    "portal:healthz": "for a supervisor", "portal:readyz": "for a supervisor", "portal:metrics": "counts alone",
    "signin:welcome": "asks for a link", "signin:passkey": "the way in", "signin:passkey-options": "the way in",
    "signin:code": "the way in", "signin:left": "says that a workstation was left",
    "comfort:statement": "accessibility", "comfort:site-map": "names of pages", "comfort:manifest": "for a browser",
    "comfort:worker": "for a browser", "comfort:offline": "for a browser",
    "federation:sign-in": "the way in", "federation:sign-out": "the way out", "federation:signed-out": "the way out",
    "federation:problem": "says why a sign-in failed", "federation:callback": "the way back from a provider",
    "federation:back-channel": "a provider's signed word", "fhir:metadata": "what the interface can",
    "smart:configuration": "where an app signs in", "smart:token": "an app's code or key",
    "smart:introspect": "an app's key", "smart:revoke": "an app's key",
}  # fmt: skip
#: What answers whoever is signed in, with what is their own and nobody else's.
OWN = {
    "portal:messages": "one's contacts", "portal:shared": "what was shared with one",
    "signin:security": "one's factors",
    "signin:confirm": "one's factor", "signin:app": "one's factor", "signin:ending": "one's session",
    "ward:stream": "says ready, then closed", "comfort:display": "one's preferences",
    "federation:identities": "one's links", "fhir:search": "one's own measurements",
    "smart:mine": "one's own apps",
}  # fmt: skip
#: A patient's own record, objects, journal and rights.
OF_A_PATIENT = re.compile(
    r"portal:(me|journal|object|shar|sign|grant|hid|consent|options|research|emergenc|secret|agreement)"
    r"|rights:(mine|ask|forms|home|index|list)|:rights-take"
)
#: A desk, which shows what is of the officer's or carer's own place: the test of secrets judges it.
OF_A_DESK = re.compile(
    r"ward:(patients|lines|find|emergencies|reviews|held|acting|security|quarantine|privacy|questions|processing|fleet"
    r"|audit|research|project|maker|staff|propose|platform|place)|rights:(desk|person-find|identities|merges|terms)"
    r"|portal:invitation|signin:(desk|workstations)|smart:regist(ry|er)$"
)
#: Pages that hold a secret's word by chance.
EXAMPLES = {"portal:design": "names and values that are made up", "comfort:display": "names of units"}
#: Posted to after everything else: the session is over then, or another.
LAST = ("signin:lock", "signin:end-others", "federation:sign-out", "portal:sign-out")


def addresses(cast: Cast, offices: Offices) -> Iterator[tuple[str, str]]:
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
        "account_id": cast.alice.pk,
        "professional_id": cast.bob.pk,
        "follow_up": care,
        "follow_up_id": care,
        "emergency_id": glass,
        "grant_id": give_grant(cast.alice, cast.diane, families=None, purpose="TREAT", now_ms=NOW - 400, until_ms=None),
        "restriction_id": restrict(cast.alice, families=["glucose"], who=cast.diane, now_ms=NOW - 400),
        "proposal_id": proposal.pk,
        "membership_id": Membership.objects.get(account=cast.diane).pk,
        "object_id": cast.scale.row.pk,
        "attribution_id": _proposed(cast).pk,
        "question_id": _asked(cast),
        "ask_id": withheld.ask_to_withhold(cast.bob, cast.alice, reason="r", now_ms=NOW - 400),
        "place_id": offices.here.pk,
        "project_id": _project(offices).pk,
        "invitation_id": Invitation.objects.get(account=invited(offices)).pk,
        "request_id": requests.ask(cast.alice, "access", by=cast.alice, now_ms=NOW - 300).pk,
        "other_id": cast.charlie.pk,
        "entry": (entry := Envelope.objects.earliest("entry").pk),
    }
    for name, route in sorted(_routes(get_resolver()), key=lambda one: LAST.index(one[0]) if one[0] in LAST else -1):
        for reading in ("<reading:key>", "<str:key>"):
            route = route.replace(reading, f"{entry}-0-0")
        for parameter in re.findall(r"<\w+:(\w+)>", route):
            value = ids.get(parameter) or WORDS.get(parameter) or (NOBODYS if parameter in NO_ROW else None)
            assert value is not None, f"{name}: which row does <{parameter}> name?"
            route = re.sub(rf"<\w+:{parameter}>", str(value), route)
        yield name, "/" + route + (f"?p={cast.alice.pk}" if route == "stream" else "")


def _routes(resolver: URLResolver, prefix: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """(name, route) of each address that people reach."""
    for one in resolver.url_patterns:
        bare = re.sub(r"^\^|\$$", "", str(one.pattern))
        route = prefix + re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<str:\1>", bare)
        if isinstance(one, URLResolver):
            yield from _routes(one, route, one.namespace or space)
        else:
            yield f"{space}:{one.name or route}", route


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


def kinds_added(before: int, by: Account) -> set[str]:
    """Of what was written since, about anybody but the one who did it."""
    rows = Statement.objects.filter(entry__gt=before).exclude(subject=by.pk, kind__in=THEIR_OWN)
    return set(rows.values_list("kind", flat=True))


def newest() -> int:
    return Statement.objects.order_by("-entry").values_list("entry", flat=True)[0]


@pytest.mark.slow
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
    before, answered = newest(), set()
    for name, path in paths:
        answer = client.get(path)
        assert answer.status_code in (200, 302, 400, 403, 404, 405), (name, path)
        if answer.status_code == 200:
            answered.add(name)
        assert not told(name, answer), (who, path)
    known = {*ANYBODY, *OWN}
    ours = OF_A_PATIENT if who == "charlie" else OF_A_DESK if who != "relative" else re.compile("(?!)")
    assert not sorted(name for name in answered - known if not ours.match(name)), who
    for name, path in paths:
        answer = client.post(path, {"sure": "yes", "verdict": "justified", "note": "x"})
        assert answer.status_code in (200, 302, 400, 401, 403, 404, 405), (name, path)
        assert not told(name, answer), (who, path)
    assert kinds_added(before, account) <= TRACES


def told(name: str, answer: Any) -> list[str]:
    """The secrets of here that an answer holds."""
    if name in EXAMPLES or name == "ward:stream":
        return []
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return [secret for secret in SECRETS if secret in body.decode(errors="replace")]


def test_nobody_signed_in_reaches_nothing(cast: Cast, offices: Offices) -> None:
    """Each address leads to the sign-in page, or refuses, or stands on the list; nothing is written."""
    paths = list(addresses(cast, offices))
    before = newest()
    for name, path in paths:
        for answer in (Client().get(path), Client().post(path)):
            assert not told(name, answer), path
            if name in ANYBODY:
                assert answer.status_code < 500, path
                continue
            assert answer.status_code in (302, 401, 403, 404, 405), (name, path)
            if answer.status_code == 302:
                assert re.match("/sign-in|/$", answer.headers["Location"]), path
    assert newest() == before


def test_an_unknown_id_answers_as_anothers(cast: Cast, offices: Offices, enter: Enter) -> None:
    """What exists elsewhere and what exists nowhere cannot be told apart."""
    client = enter(offices.far_doctor)
    confirm(client)
    for _name, path in addresses(cast, offices):
        if str(cast.alice.pk) not in path:
            continue
        other = path.replace(str(cast.alice.pk), str(uuid.uuid4()))
        assert client.get(path).status_code == client.get(other).status_code, path
        assert client.post(path, {"sure": "yes"}).status_code == client.post(other, {"sure": "yes"}).status_code, path
