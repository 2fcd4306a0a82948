"""Decisions for a day to come: said before, at once, taken back with a factor, betrayed by no page to anybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import unified_diff

import pytest
from django.core.signing import b64_decode
from django.test import Client
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.emergency import opening_refused
from egide.cloud.consent.families import family_of
from egide.cloud.consent.representation import keep_secret, record_death, represent, secrets_of, suspend_representation
from egide.cloud.consent.restrictions import restrict
from egide.cloud.people.establishments import home
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.release.door import Ask
from egide.cloud.release.stream import begin_watch, came_between, standing, visible_among
from egide.cloud.signin import clock
from egide.cloud.signin.factors import mark_confirmed
from egide.cloud.signin.models import Notice
from egide.cloud.vault.models import Envelope
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.support.cast import Cast
from tests.support.ward import HOUR_MS, Ward, spot

DAY_MS = 24 * HOUR_MS
#: What is measured: (code, unit, value), each of another family.
SORTS = (("8867-4", "/min", "71"), ("99504-3", "mg/dL", "120"), ("8480-6", "mm[Hg]", "131"), ("29463-7", "kg", "61.2"))


def confirmed(client: Client) -> Client:
    session = client.session
    mark_confirmed(session, now_ms=clock.now_ms())
    session.save()
    return client


def text(client: Client, path: str) -> str:
    return re.sub(r"\s+", " ", client.get(path).content.decode())


def kinds(patient: Account) -> list[str]:
    wanted = ("emergency-refusal", "emergency-consent", "secret", "secret-end")
    rows = Statement.objects.filter(subject=patient.pk, kind__in=wanted).order_by("entry")
    return list(rows.values_list("kind", flat=True))


def parent_of(child: Account, by: Account, *, adult_ms: int = NOW + 400 * DAY_MS) -> Account:
    mother = create_account("relative", "Rita Moreau", NOW - DAY_MS)
    represent(
        child, mother, nature="parent", deed="Family record book", recorded_by=by, now_ms=NOW - HOUR_MS,
        adult_ms=adult_ms,
    )  # fmt: skip
    return mother


# 1. An emergency's opening, refused beforehand


def test_refusing_says_what_stops_then_holds_at_once_without_a_factor(cast: Cast, enter: Enter) -> None:
    """It narrows. The statement is the one that the rules read; asked twice, it is said once."""
    client = enter(cast.alice)
    restrict(cast.alice, families=["weight"], now_ms=NOW - DAY_MS)
    page = text(client, "/me/sharing/emergencies")
    said = ("can open your whole record for four hours", "You hide: weight.", "even to save you", "change your mind")
    assert [words for words in said if words not in page] == []
    for _ in range(2):
        answered = client.post("/me/sharing/emergencies")
        assert answered["Location"] == "/me/sharing/emergencies?done=refused"
    assert opening_refused(cast.alice, now_ms=NOW)
    assert kinds(cast.alice) == ["emergency-refusal"]
    assert "stays hidden, even in an emergency" in text(client, "/me/sharing/emergencies")


def test_allowing_emergencies_again_asks_for_a_factor(cast: Cast, enter: Enter) -> None:
    """It widens: without one nothing changes."""
    client = enter(cast.alice)
    client.post("/me/sharing/emergencies")
    assert "/confirm" in client.post("/me/sharing/emergencies/allow")["Location"]
    assert opening_refused(cast.alice, now_ms=NOW)
    assert confirmed(client).post("/me/sharing/emergencies/allow").status_code == 302
    assert not opening_refused(cast.alice, now_ms=NOW)
    assert kinds(cast.alice) == ["emergency-refusal", "emergency-consent"]


# 2. What an adolescent keeps from those who act for them


def test_a_secret_is_kept_at_once_and_told_again_with_a_factor(cast: Cast, enter: Enter) -> None:
    """Per kind of measurement; one is told without the others."""
    parent_of(cast.alice, cast.bob)
    client = enter(cast.alice)
    assert "Rita Moreau" in text(client, "/me/sharing/secrets")
    assert client.post("/me/sharing/secrets", {"family": []}).status_code == 400
    assert client.post("/me/sharing/secrets", {"family": ["no-such"]}).status_code == 400
    assert client.post("/me/sharing/secrets", {"family": ["weight", "substances"]}).status_code == 302
    assert secrets_of(cast.alice, now_ms=NOW) == {"weight", "substances"}
    assert "Kept to myself" in text(client, "/me/sharing/secrets")
    assert "/confirm" in client.post("/me/sharing/secrets/weight/tell")["Location"]
    assert secrets_of(cast.alice, now_ms=NOW) == {"weight", "substances"}
    assert confirmed(client).post("/me/sharing/secrets/weight/tell").status_code == 302
    assert secrets_of(cast.alice, now_ms=NOW) == {"substances"}
    assert client.post("/me/sharing/secrets/weight/tell").status_code == 400
    assert client.post("/me/sharing/secrets/no-such/tell").status_code == 404


@pytest.mark.parametrize("path", ["emergencies", "emergencies/allow", "secrets", "secrets/weight/tell"])
def test_these_pages_are_the_patient_s_alone(cast: Cast, enter: Enter, path: str) -> None:
    """Neither a parent, nor the doctor, nor anybody who did not sign in reads or writes a word of them."""
    mother = parent_of(cast.alice, cast.bob)
    for who in (mother, cast.bob):
        for answered in (enter(who).get(f"/me/sharing/{path}"), confirmed(enter(who)).post(f"/me/sharing/{path}")):
            assert answered.status_code in (403, 404, 405)
    assert "/sign-in" in Client().post(f"/me/sharing/{path}")["Location"]
    assert kinds(cast.alice) == []


# 3. Nothing betrays: with the data, and as if never measured


@dataclass(frozen=True, slots=True)
class World:
    """One patient's life, of which somebody else looks at every page."""

    patient: Account
    names: tuple[str, ...]  # random, of its objects and of who looks

    def neutral(self, page: str) -> str:
        """A page without what differs between any two patients: random names, and numbers of the register."""
        page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", page)
        for n, name in enumerate((str(self.patient.pk), self.patient.username, *self.names)):
            page = page.replace(name, f"<{n}>")
        page = re.sub(r"\bentry \d+", "entry N", page)
        page = re.sub(r'data-left="\d+"', "", page)  # seconds of the session
        page = re.sub(r"_cursor=([\w-]+)%3A[\w-]+", lambda m: b64_decode(m[1].encode()).decode(), page)  # its signature
        seen: dict[str, int] = {}
        return re.sub(r"\b1099511\d{6}\b", lambda m: f"#{seen.setdefault(m[0], len(seen))}", page)


Measured = tuple[tuple[int, frozenset[int]], ...]
lives = st.lists(
    st.tuples(st.integers(1, 40), st.frozensets(st.integers(0, 3), min_size=1)), min_size=1, max_size=4,
    unique_by=lambda sent: sent[0],
).map(tuple)  # fmt: skip
hiding = st.frozensets(st.sampled_from(("heart", "glucose", "pressure", "weight")), min_size=1, max_size=3)


def live_it(ward: Ward, sent: Measured, hidden: frozenset[str], *, measured: bool) -> World:
    """An object sends; with `measured` false, nothing of what is hidden was ever measured."""
    patient = ward.patient("Alice Moreau")
    thing = ward.thing("Glucosense 2", patient)
    for hours, sorts in sorted(sent, reverse=True):
        kept = [SORTS[n] for n in sorted(sorts) if measured or family_of(SORTS[n][0]) not in hidden]
        at_ms = NOW - hours * HOUR_MS
        if kept:
            thing.send(*(spot(*sort) for sort in kept), t0_ms=at_ms, received_ms=at_ms + 1_000)
    return World(patient, (str(thing.row.pk), str(thing.pairing.uuid)))


def looked(world: World, client: Client, *more: str, purpose: str) -> list[tuple[int, str]]:
    """Every page, count, page of numbers and file that somebody else can ask for, in neutral words."""
    who = world.patient.pk
    newest = Envelope.objects.order_by("-entry").values_list("entry", flat=True).first() or 0
    record = f"/patients/{who}"
    paths = [record, f"{record}?period=7d", f"{record}/latest?after=0", f"{record}/latest?after={newest}"]
    for code, _, _ in SORTS:
        paths += [f"{record}?metric={code}", f"{record}/series?code={code}"]
        paths += [f"/fhir/Observation?patient={who}&code={code}&_purpose={purpose}"]
    paths += [f"/fhir/Observation?patient={who}&_purpose={purpose}&_count={n}" for n in (1, 50)]
    entries = Envelope.objects.filter(pairing__patient=who).values_list("entry", flat=True)
    for entry in entries:
        paths += [f"{record}/proof/{entry}", f"/fhir/Provenance/{entry}?_purpose={purpose}"]
    answers = [client.get(path) for path in (*paths, *more)]
    files = answers[len(paths) - 2 * len(entries) : len(paths)]
    assert {a.status_code for a in files} <= {403}  # signed bytes are the patient's alone: they cannot be cut
    shown = [a for a in answers if a not in files]
    assert not any(b"/proof/" in a.content for a in shown)  # nor does a page offer what it would refuse
    return [(a.status_code, world.neutral(a.content.decode())) for a in shown]


def told(world: World, reader: Account, purpose: str) -> list[bool]:
    """Of each thing that came, whether an open page is told; what was not measured did not come."""
    ask = Ask(
        reader=reader, patient=world.patient, since_ms=0, until_ms=2**53, purpose=purpose, channel="portal"
    )
    watch = begin_watch(ask, now_ms=NOW)
    (settled,) = standing([watch], now_ms=NOW)
    assert settled is not None
    came = Envelope.objects.filter(pairing__patient=world.patient).order_by("entry").values_list("entry", flat=True)
    each = [came_between(entry - 1, entry, {world.patient.pk}).get(world.patient.pk, []) for entry in came]
    return [yes for yes in visible_among([(watch, settled.decision, one) for one in each], now_ms=NOW) if yes]


def differences(one: object, other: object) -> list[str]:
    """Line by line, what two looks do not share: short enough to be read in a report."""
    first, second = (repr(each).split("\\n") for each in (one, other))
    return list(unified_diff(first, second, lineterm="", n=0))[:20]


def compare(look: Callable[[Measured, frozenset[str], bool], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the data and as if never measured, whatever was measured and hidden: the same words."""
    monkeypatch.setattr("egide.cloud.fhir.views._now_ms", lambda: NOW)
    met = {"hidden": 0, "left": 0, "gone": 0}

    @settings(max_examples=6, phases=[Phase.generate])  # a smaller example would take minutes to find
    @given(sent=lives, hidden=hiding)
    def run(sent: Measured, hidden: frozenset[str]) -> None:
        there = [{family_of(SORTS[n][0]) for n in sorts} for _, sorts in sent]
        met["hidden"] += any(each & hidden for each in there)
        met["left"] += any(each - hidden for each in there)
        met["gone"] += any(each <= hidden for each in there)
        betrayed = differences(look(sent, hidden, True), look(sent, hidden, False))
        assert not betrayed, "\n".join(betrayed)

    run()
    assert min(met.values()) >= 2, met


def test_to_a_parent_a_secret_was_never_measured(
    ward: Ward, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages, counts, series, streams and files: those of a child who never measured it, and keeps nothing secret."""
    doctor = ward.professional("Dr Bob Durand")

    def look(sent: Measured, hidden: frozenset[str], measured: bool) -> object:
        world = live_it(ward, sent, hidden, measured=measured)
        mother = parent_of(world.patient, doctor)
        world = replace(world, names=(*world.names, str(mother.pk), mother.username))
        keep_secret(world.patient, hidden, now_ms=NOW - 1)
        pages = looked(world, enter(mother), "/", "/shared", purpose="FAMRQT")
        return pages, told(world, mother, "FAMRQT")

    compare(look, monkeypatch)


def test_a_refused_emergency_reads_a_record_without_secrets(
    ward: Ward, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who breaks the glass reads the very words of a record that restricts nothing and never measured it."""
    diane = ward.professional("Diane Roux")
    place = home(NOW - DAY_MS)
    seat(diane, place, "doctor", by=(diane, diane), now_ms=NOW - DAY_MS, how="ceremony")

    def look(sent: Measured, hidden: frozenset[str], measured: bool) -> object:
        world = live_it(ward, sent, hidden, measured=measured)
        register_patient(world.patient, place, by=diane, now_ms=NOW - DAY_MS)
        client = confirmed(enter(diane))
        Notice.objects.filter(account=diane).delete()  # how often she signed in
        if measured:  # the other one refuses nothing and hides nothing: there is nothing to be hidden
            restrict(world.patient, families=hidden, now_ms=NOW - 2)
            confirmed(enter(world.patient)).post("/me/sharing/emergencies")
        form = f"/patients/{world.patient.pk}/emergency"
        before = world.neutral(client.get(form).content.decode())
        client.post(form, {"reason": "found unconscious", "every": "yes", "period": "all"})
        why = f"/patients/{world.patient.pk}/why"
        pages = looked(world, client, why, purpose="ETREAT")
        return before, pages, told(world, diane, "ETREAT")

    compare(look, monkeypatch)


@pytest.mark.parametrize("end", ["eighteen", "court", "death"])
def test_a_parent_s_pages_close_at_once(cast: Cast, enter: Enter, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """On the 18th birthday by itself, by a court's decision, at death: the record, its files, and the list of names."""
    mother = parent_of(cast.alice, cast.bob, adult_ms=NOW + DAY_MS)
    client, record = enter(mother), f"/patients/{cast.alice.pk}"
    assert (client.get(record).status_code, "You act for them." in text(client, "/shared")) == (200, True)
    if end == "eighteen":
        monkeypatch.setattr("egide.cloud.portal.live.now_ms", lambda: NOW + DAY_MS)
    elif end == "court":
        (held,) = facts_of(cast.alice.pk).representations
        suspend_representation(cast.alice, held.id, decision="JAF 12/2026", recorded_by=cast.bob, now_ms=NOW)
    else:
        record_death(cast.alice, at_ms=NOW - 1, recorded_by=cast.bob, now_ms=NOW)
    closed = [client.get(f"{record}{end}").status_code for end in ("", "/latest", "/series?code=8867-4", "/why")]
    assert closed == [403] * 4
    assert "You act for them." not in text(client, "/shared")
