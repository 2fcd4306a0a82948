"""Every page of the product, who opens it and how; and every address that is not a page, with the reason.

`unlisted()` compares this list with the tables of addresses: a page that nobody wrote down here fails a test.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver

from tests.browser.test_ward import _STAFF
from tests.browser.visits import (
    Visit,
    be,
    codes,
    grant,
    hide,
    invitation,
    leave,
    locked,
    object_code,
    reading,
    signed_out,
)
from tests.support.papers import PDF
from tests.support.people import Portal, running_portal

__all__ = ["NOT_PAGES", "PAGES", "WHO", "Visit", "be", "every_portal", "methods_of", "named", "unlisted"]

#: Addresses that GET answers without a page of their own.
NOT_PAGES: Final = {
    "portal:live": "a part of the home page",
    "portal:me-latest": "a part of the record",
    "portal:patient-latest": "a part of the record",
    "portal:me-series": "points of a chart, as JSON",
    "portal:patient-series": "points of a chart, as JSON",
    "portal:journal-copy": "a file",
    "portal:me-proof": "a file",
    "portal:patient-proof": "a file",
    "portal:consent-proof": "a file",
    "portal:grant": "leads to the first question",
    "portal:hide-begin": "leads to the first question",
    "portal:language": "leads back",
    "demo:be": "posted to",
    "portal:healthz": "for a supervisor, in words of a machine",
    "portal:readyz": "for a supervisor, in words of a machine",
    "portal:metrics": "for a supervisor, in words of a machine",
    "signin:ending": "the dialog that a page takes in: see the test of the session's end",
    "signin:back": "leads to another page",
    "signin:left": "leads to another page",
    "signin:passkeys": "posted to",
    "signin:second": "a demo has no second step: test_access judges it on a platform that has",
    "ward:lines": "a part of the list",
    "ward:stream": "events",
    "comfort:manifest": "for a browser",
    "comfort:worker": "a script",
    "federation:callback": "a provider sends people here; shows a page of errors or leads on",
    "federation:back-channel": "a provider's machine posts here",
    "smart:configuration": "for apps, as JSON",
    "fhir-base": "for software: bundles are posted there",
}
_MORE: Final = """
import json, time, uuid
import django
django.setup()
from egide.cloud.consent import emergency, grants, projects, representation, restrictions
from egide.cloud.fleet.models import HealthObject, Pairing
from egide.cloud.governance import requests
from egide.cloud.governance.models import Request
from egide.cloud.people import proofing
from egide.cloud.people.desk import record_agreement
from egide.cloud.people.invitations import invite_relative, invite_staff
from egide.cloud.people.models import Invitation
from egide.cloud.people.identity import declare_identity, prove_identity
from egide.cloud.people.merge_proposals import propose_merge
from egide.cloud.people.merging import merge
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.people.establishments import home
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.signin.notices import tell
from egide.cloud.smart.registry import Description, approve_app, register_app
people = {people}
now = time.time_ns() // 1_000_000
day = 86_400_000
by = {{name: Account.objects.get(pk=pk) for name, pk in people.items() if name != "care"}}
alice, bob, denis = by["alice"], by["bob"], by["denis"]
paul = create_account("relative", "Paul Moreau", now)
grant = grants.give_grant(
    alice, paul, families=("glucose", "weight"), purpose="SUPNWK", now_ms=now - day, until_ms=now + 90 * day
)
rose = create_account("relative", "Rose Moreau", now)
mandate = representation.represent(
    alice, rose, nature="mandate", deed="Acte du 3 mai", recorded_by=bob, now_ms=now
)
restrictions.restrict(alice, who=bob, families=("weight",), now_ms=now)
asked = requests.ask(alice, "rectify", by=alice, now_ms=now, text="Mon poids du 3 mai n’est pas le mien.")
erase = requests.ask(alice, "erase", by=alice, now_ms=now, text="")
requests.ask(alice, "access", by=alice, now_ms=now - 9 * day, text="")
tell(alice, "session", now_ms=now)
record_agreement(
    alice, "telemonitoring", agreed=True, way="paper", evidence="signed-form", by=bob, now_ms=now,
    scan={scan},
)
record_agreement(alice, "sharing", agreed=False, way="oral", evidence="witness", by=bob, now_ms=now)
invite_relative("Luc Moreau", home(now), by=bob, now_ms=now)
opening = Invitation.objects.filter(account__role="relative", used_ms=None).latest("made_ms")
study = grants.join_research(
    alice, create_account("professional", "Dr Zoé Martin", now), project="Sommeil", families=["glucose"], now_ms=now,
    until_ms=now + 90 * day,
)
place = home(now)
more = dict()
for name, words, office in (
    ("ines", "Inès Atelier", "engineer"), ("aude", "Aude Contrôle", "auditor"), ("remi", "Rémi Étude", "researcher"),
    ("mael", "Maël Fabrique", "maker"),
):
    account = create_account("operator", words, now)
    seat(account, place, office, by=(by["adele"], by["sophie"]), now_ms=now, how="ceremony")
    more[name] = str(account.pk)
remi = Account.objects.get(pk=more["remi"])
invite_staff(remi, place, by=by["adele"], now_ms=now)
seating = Invitation.objects.filter(account=remi).latest("made_ms")
terms = projects.Terms(
    title="Le sommeil et le sucre", purpose="Savoir si le sucre monte après une mauvaise nuit.",
    ethics="CPP Ouest II, avis 2026-114 du 3 mars 2026", families=frozenset(("glucose", "sleep")), past_days=90,
    until_ms=now + 90 * day,
)
project = projects.approve_project(projects.propose_project(remi, place, terms, now_ms=now), by=denis, now_ms=now)
projects.propose_project(remi, place, terms, now_ms=now)
files = [create_account("patient", name, now) for name in ("Charlie Petit", "Rémi Doux", "Rémi Doux", "Jo Neuf")]
twin, kept, merged, fresh = files
for one, names in ((twin, ("Petit", "Charlie")), (kept, ("Doux", "Rémi")), (merged, ("Doux", "Rémi"))):
    traits = Traits(birth_name=names[0], given_names=names[1], birth_date="1950-02-03", sex="M")
    declare_identity(one, traits, by=bob, now_ms=now)
prove_identity(twin, "passport", by=bob, now_ms=now)
joining = propose_merge(by["charlie"], twin, reason="Même passeport", by=bob, now_ms=now)
joined = merge(kept, merged, by=bob, now_ms=now)
mael = Account.objects.get(pk=more["mael"])
said = Description(
    name="Carnet de mesures", about="Montre mes mesures sur mon téléphone.", origins="https://carnet.example",
    scopes="launch launch/patient patient/Observation.rs patient/Device.r offline_access",
    redirect_uris="https://carnet.example/retour", launch_uri="https://carnet.example/ouvrir",
)
app = register_app(said, place, by=mael, now_ms=now)
approve_app(app, by=denis, now_ms=now)
waiting = register_app(said, place, by=mael, now_ms=now)
grants.give_grant(alice, app.client_id, families=None, purpose="PATRQT", now_ms=now, until_ms=now + 30 * day)
pairing = Pairing.objects.filter(patient=alice).first()
print(json.dumps(dict(
    opening=str(opening.pk), seating=str(seating.pk), app=app.client_id, waiting=waiting.client_id,
    study=study, project=project.id, twin=str(twin.pk), fresh=str(fresh.pk), joining=joining, joined=str(joined.pk),
    paul=str(paul.pk), rose=str(rose.pk), grant=str(grant), mandate=str(mandate), asked=str(asked.pk),
    erase=str(erase.pk), object=str(pairing.object_id), place=str(place.pk), **more,
)))
"""
_AUTHORIZE: Final = (
    "/fhir/auth/authorize?response_type=code&client_id={app}&redirect_uri=https://carnet.example/retour&state=s"
    "&scope=launch/patient patient/Observation.rs patient/Device.r offline_access&aud={base}/fhir"
    "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
)
_ALICE: Final = [
    Visit(name="portal:home", who="alice", path="/", ready="canvas"),
    Visit(name="portal:me", who="alice", path="/me", ready="canvas"),
    Visit(name="portal:me", who="alice", key="pressure", path="/me?metric=8480-6&period=7d"),
    Visit(name="portal:me", who="alice", key="profile", path="/me?metric=99504-3&period=30d", ready="canvas"),
    Visit(name="portal:me", who="alice", key="ecg", path="/me?metric=mdc:131329"),
    Visit(name="portal:journal", who="alice", path="/me/journal"),
    Visit(name="portal:objects", who="alice", path="/me/objects"),
    Visit(name="portal:object-add", who="alice", path="/me/objects/add"),
    Visit(name="portal:object", who="alice", path="/me/objects/{object}"),
    Visit(name="portal:object-change", who="alice", key="lost", path="/me/objects/{object}/lost"),
    Visit(name="portal:object-change", who="alice", key="pause", path="/me/objects/{object}/pause"),
    Visit(name="portal:object-part", who="alice", path="/me/objects/{object}/part"),
    Visit(name="portal:object-code", who="alice", steps=object_code),
    Visit(name="portal:sharing", who="alice", path="/me/sharing"),
    Visit(name="portal:signed", who="alice", path="/me/sharing/signed"),
    Visit(name="portal:grant-stop", who="alice", path="/me/sharing/grants/{grant}/stop"),
    *(Visit(name="portal:grant-step", who="alice", key=k, steps=grant(k)) for k in ("who", "what", "until", "for")),
    Visit(name="portal:grant-review", who="alice", steps=grant("")),
    *(Visit(name="portal:hide", who="alice", key=key, steps=hide(key)) for key in ("from", "which", "check")),
    Visit(name="portal:oppose", who="alice", path="/me/sharing/team/{bob}/object"),
    Visit(name="portal:research", who="alice", path="/me/research"),
    Visit(name="portal:research-project", who="alice", path="/me/research/{project}"),
    Visit(name="portal:research-join", who="alice", path="/me/research/{project}/join"),
    Visit(name="portal:research-leave", who="alice", path="/me/sharing/research/{study}/leave"),
    Visit(name="portal:refuse", who="charlie", path="/me/sharing/follow-ups/{care}/object"),
    Visit(name="portal:mandate-end", who="alice", path="/me/sharing/mandates/{mandate}/end"),
    Visit(name="portal:agreements", who="alice", path="/me/agreements"),
    Visit(name="portal:agreements", who="charlie", key="empty", path="/me/agreements"),
    Visit(name="portal:emergencies", who="alice", path="/me/sharing/emergencies"),
    Visit(name="portal:secrets", who="alice", path="/me/sharing/secrets"),
    Visit(name="portal:options", who="alice", path="/settings/options"),
    Visit(name="portal:options-how", who="alice", steps=leave("how")),
    Visit(name="portal:options-check", who="alice", steps=leave("check")),
    Visit(name="portal:me-reading", who="alice", steps=reading("/me")),
    Visit(name="rights:mine", who="alice", path="/rights/"),
    *(
        Visit(name="rights:ask", who="alice", key=k, path=f"/rights/ask/{k}")
        for k in ("access", "rectify", "restrict", "oppose", "erase")
    ),
    Visit(name="rights:one", who="alice", path="/rights/{asked}"),
    Visit(name="rights:forms", who="alice", path="/rights/forms"),
    Visit(name="rights-take", who="alice", path="/rights/take"),
    Visit(name="signin:security", who="alice", path="/security"),
    Visit(name="signin:confirm", who="alice", path="/security/confirm"),
    Visit(name="signin:app", who="alice", path="/security/app"),
    Visit(name="portal:journal-rules", who="alice", path="/me/journal/rules"),
    Visit(name="portal:messages", who="alice", path="/messages"),
    Visit(name="comfort:display", who="alice", path="/settings/display"),
    Visit(name="comfort:site-map", who="alice", path="/site-map"),
    Visit(name="federation:identities", who="alice", path="/federation/"),
    Visit(name="smart:mine", who="alice", path="/apps"),
    Visit(name="smart:authorize", who="alice", path=_AUTHORIZE),
    Visit(name="portal:me", who="charlie", key="empty", path="/me"),
    Visit(name="portal:objects", who="charlie", key="empty", path="/me/objects"),
    Visit(name="portal:journal", who="charlie", key="empty", path="/me/journal"),
    Visit(name="portal:sharing", who="charlie", key="empty", path="/me/sharing"),
]
_PAUL: Final = [
    Visit(name="portal:home", who="paul", path="/"),
    Visit(name="portal:shared", who="paul", path="/shared"),
    Visit(name="portal:patient", who="paul", path="/patients/{alice}"),
]
_STAFF_PAGES: Final = [
    Visit(name="portal:home", who="bob", path="/"),
    Visit(name="ward:patients", who="bob", path="/patients"),
    Visit(name="ward:find", who="bob", path="/patients/find"),
    Visit(name="portal:patient", who="bob", path="/patients/{alice}?period=7d"),
    Visit(name="portal:patient", who="bob", key="tables", path="/patients/{alice}?period=24h&as=tables"),
    Visit(
        name="portal:patient", who="bob", key="one", path="/patients/{alice}?period=7d&metric=99504-3", ready="canvas",
    ),
    Visit(name="portal:patient-reading", who="bob", steps=reading("/patients/{alice}")),
    Visit(name="ward:why", who="bob", path="/patients/{alice}/why"),
    Visit(name="ward:emergency", who="bob", path="/patients/{alice}/emergency"),
    Visit(name="ward:include", who="bob", path="/patients/{alice}/include"),
    Visit(name="ward:follow-up", who="bob", path="/patients/{charlie}/follow-up"),
    Visit(name="ward:emergencies", who="bob", path="/emergencies"),
    Visit(name="ward:emergencies", who="diane", key="one", path="/emergencies"),
    Visit(name="ward:reviews", who="bob", path="/emergencies/review"),
    Visit(name="portal:shared", who="bob", path="/shared"),
    Visit(name="ward:security", who="sophie", path="/office/security"),
    Visit(name="ward:privacy", who="denis", path="/office/privacy"),
    Visit(name="ward:reviews", who="denis", path="/emergencies/review"),
    Visit(name="rights:desk", who="denis", path="/rights/desk"),
    Visit(name="rights:desk-open", who="denis", path="/rights/desk/open"),
    Visit(name="rights:person-find", who="denis", path="/rights/desk/people"),
    Visit(name="rights:person", who="denis", path="/rights/desk/people/{alice}"),
    Visit(name="portal:at-desk", who="denis", path="/desk/people/{alice}/said"),
    Visit(name="portal:at-desk-study", who="denis", path="/desk/people/{alice}/said/open/research/{project}"),
    Visit(name="portal:at-desk-agreements", who="bob", path="/desk/people/{alice}/agreements"),
    Visit(name="portal:at-desk-agreements", who="denis", key="officer", path="/desk/people/{alice}/agreements"),
    Visit(name="portal:invitations", who="bob", path="/desk/invitations"),
    Visit(name="portal:invitations", who="adele", key="administrator", path="/desk/invitations"),
    Visit(name="portal:invitation-withdraw", who="bob", path="/desk/invitations/{opening}/withdraw"),
    Visit(name="ward:withdrawal", who="adele", path="/office/invitations/{seating}/withdraw"),
    Visit(name="portal:invitation-new", who="bob", path="/desk/invitations/new"),
    Visit(name="portal:invitation-new", who="bob", key="shown", steps=invitation),
    Visit(name="rights:identities", who="bob", path="/rights/desk/identities"),
    Visit(name="rights:identity", who="bob", path="/rights/desk/identities/{charlie}"),
    Visit(name="rights:identity", who="bob", key="empty", path="/rights/desk/identities/{fresh}"),
    Visit(name="rights:merge-new", who="bob", path="/rights/desk/identities/{charlie}/merge/{twin}"),
    Visit(name="rights:merges", who="bob", path="/rights/desk/merges"),
    Visit(name="rights:merges", who="denis", key="officer", path="/rights/desk/merges"),
    Visit(name="rights:merge-proposal", who="diane", path="/rights/desk/merges/proposals/{joining}"),
    Visit(name="rights:merge-undo", who="bob", path="/rights/desk/merges/{joined}/undo"),
    Visit(name="rights:terms", who="denis", path="/rights/desk/terms"),
    Visit(name="ward:processing", who="denis", path="/office/privacy/processing"),
    Visit(name="rights:desk-one", who="denis", path="/rights/desk/{asked}"),
    Visit(name="rights:desk-one", who="denis", key="erase", path="/rights/desk/{erase}"),
    Visit(name="ward:staff", who="adele", path="/office/people"),
    Visit(name="ward:propose", who="adele", path="/office/people/propose"),
    Visit(name="ward:platform", who="adele", path="/office/platform"),
    Visit(name="ward:withhold", who="bob", path="/patients/{alice}/my-name"),
    Visit(name="ward:held", who="bob", path="/office/held"),
    Visit(name="ward:quarantine", who="sophie", path="/office/quarantine"),
    Visit(name="ward:questions", who="denis", path="/office/privacy/questions"),
    Visit(name="ward:acting", who="adele", path="/office/acting"),
    Visit(name="ward:places", who="adele", path="/office/places"),
    Visit(name="ward:place", who="adele", path="/office/places/{place}"),
    Visit(name="ward:place-new", who="adele", path="/office/places/new"),
    Visit(name="ward:fleet", who="ines", path="/office/fleet"),
    Visit(name="ward:unit", who="ines", path="/office/fleet/{object}"),
    Visit(name="ward:audit", who="aude", path="/office/audit"),
    Visit(name="ward:research", who="remi", path="/office/research"),
    Visit(name="ward:project-new", who="remi", path="/office/research/new"),
    Visit(name="ward:research-project", who="remi", path="/office/research/{project}"),
    Visit(name="ward:projects", who="denis", path="/office/privacy/projects"),
    Visit(name="ward:maker", who="mael", path="/office/products"),
    Visit(name="smart:open", who="bob", path="/apps/open/{alice}"),
    Visit(name="smart:registry", who="mael", path="/apps/registry"),
    Visit(name="smart:register", who="mael", path="/apps/registry/new"),
    Visit(name="smart:app", who="denis", path="/apps/registry/{waiting}"),
    Visit(name="signin:workstations", who="adele", path="/desk/workstations"),
    Visit(name="signin:desk", who="adele", path="/desk/recovery"),
    Visit(name="signin:case", who="adele", path="/desk/recovery/{alice}"),
]
_NOBODY: Final = [
    Visit(name="portal:home", who="", path="/"),
    Visit(name="portal:sign-in", who="", path="/sign-in"),
    Visit(name="signin:welcome", who="", path="/welcome"),
    Visit(name="portal:sign-out", who="", steps=signed_out),
    Visit(name="portal:design", who="", path="/design"),
    Visit(name="comfort:statement", who="", path="/accessibility"),
    Visit(name="comfort:offline", who="", path="/offline"),
    Visit(name="demo:cast", who="", path="/demo/"),
    Visit(name="federation:signed-out", who="", path="/federation/signed-out"),
    Visit(name="federation:problem", who="", path="/federation/problem/identity-not-linked", status=403),
    Visit(name="error", who="", key="404", path="/nowhere", status=404),
    Visit(name="signin:codes", who="", steps=codes, script_only=True),
    Visit(name="signin:locked", who="", steps=locked),
    Visit(name="error", who="bob", key="403", path="/me", status=403),
]
PAGES: Final = (*_NOBODY, *_ALICE, *_PAUL, *_STAFF_PAGES)
WHO: Final = tuple(dict.fromkeys(visit.who for visit in PAGES))


@contextmanager
def every_portal(folder: Path) -> Iterator[Portal]:
    """A demo's portal, so that one click makes a visitor anybody, with something to see on every page."""
    with running_portal(folder, demo=True) as portal:
        portal.people.update(json.loads(portal._run(_STAFF.format(people=repr(portal.people))).splitlines()[-1]))
        more = _MORE.format(people=repr(portal.people), scan=repr(PDF))
        portal.people.update(json.loads(portal._run(more).splitlines()[-1]), base=portal.base)
        yield portal


def methods_of(view: Any) -> set[str]:
    """What a view's decorators let through; nothing when they do not say."""
    seen: set[int] = set()
    while callable(view) and id(view) not in seen:
        seen.add(id(view))
        for value in (inspect.getclosurevars(view).nonlocals if inspect.isfunction(view) else {}).values():
            if isinstance(value, list | tuple) and value and set(value) <= {"GET", "HEAD", "POST", "PUT", "DELETE"}:
                return set(value)
        view = getattr(view, "__wrapped__", None)
    return set()


def named(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(name, view) of every address that people reach."""
    for one in (resolver or get_resolver("egide.cloud.config.urls_people")).url_patterns:
        if isinstance(one, URLResolver):
            yield from named(one, f"{prefix}{one.namespace}:" if one.namespace else prefix)
        elif isinstance(one, URLPattern):
            yield f"{prefix}{one.name}", one.callback


def unlisted() -> set[str]:
    """Addresses that might show a page, and that are listed nowhere."""
    there = {name: methods_of(view) for name, view in named() if not name.startswith("fhir:")}
    pages = {name for name, methods in there.items() if not methods or "GET" in methods}
    return pages - {visit.name for visit in PAGES} - set(NOT_PAGES)
