"""What an app may do, in words that a person reads before they say yes."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.fhir.scopes import Scope
from egide.cloud.people.models import Establishment
from egide.cloud.smart.models import App
from egide.cloud.smart.registry import app_named
from egide.errors import AccessDeniedError, NotFoundError

__all__ = [
    "TYPES", "UNTIL", "VITAL_SIGNS", "answered", "app_name", "context_words", "family_choices", "place_name",
    "problem_words", "scope_words", "through", "until_choices",
]  # fmt: skip

VITAL_SIGNS: Final = ("category", "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs")
TYPES: Final = {
    "*": gettext_noop("everything that this service gives to software"),
    "Observation": gettext_noop("the measurements"),
    "Patient": gettext_noop("the name, the birth date and how to reach the person"),
    "Device": gettext_noop("the objects that measure"),
    "DeviceMetric": gettext_noop("what the objects measure and how"),
    "Provenance": gettext_noop("the signatures of the measurements"),
    "Practitioner": gettext_noop("the names of professionals"),
    "PractitionerRole": gettext_noop("where professionals work"),
    "Organization": gettext_noop("the establishments"),
    "RelatedPerson": gettext_noop("who acts for the person"),
    "CareTeam": gettext_noop("the care team"),
    "Consent": gettext_noop("what was allowed and refused"),
    "AuditEvent": gettext_noop("who has seen the measurements"),
    "DocumentReference": gettext_noop("the documents"),
    "Composition": gettext_noop("the reports"),
    "Binary": gettext_noop("files"),
    "Group": gettext_noop("the groups of patients"),
    "Subscription": gettext_noop("being told when something is measured"),
}
_FAMILIES: Final = {
    "heart": gettext_noop("heart"),
    "pressure": gettext_noop("blood pressure"),
    "breathing": gettext_noop("breathing"),
    "glucose": gettext_noop("glucose"),
    "temperature": gettext_noop("temperature"),
    "weight": gettext_noop("weight"),
    "activity": gettext_noop("activity"),
    "sleep": gettext_noop("sleep"),
    "substances": gettext_noop("breath tests (alcohol, carbon monoxide)"),
    "treatment": gettext_noop("treatment (insulin, medicines taken)"),
    "nerves-eyes": gettext_noop("skin, eyes"),
    "device": gettext_noop("state of the objects (batteries, leads)"),
}
_CONTEXT: Final = {
    "offline_access": gettext_noop("go on when you are not there"),
    "online_access": gettext_noop("go on as long as you stay signed in here"),
}
_PROBLEMS: Final = (
    gettext_noop("this is not a JWK set"),
    gettext_noop("each key is public, has its own kid, and is of RSA or of P-384"),
    gettext_noop("too many scopes"),
    gettext_noop("not a SMART scope of version 2"),
    gettext_noop("a scope is narrowed by what this server can check"),
    gettext_noop("an app has addresses to come back to, over HTTPS or on this machine alone"),
    gettext_noop("an origin is https://, a name, and nothing behind it"),
    gettext_noop("an app is opened over HTTPS, or on this machine alone"),
    gettext_noop("a service shows who it is by keys of its own"),
    gettext_noop("a service has one purpose, of care or of research"),
    gettext_noop("somebody answers for a service"),
    gettext_noop("an app of people asks for patient/ or user/, a service for system/"),
    gettext_noop("an app reads (r) and searches (s)"),
    gettext_noop("say it in words, not too many"),
)
#: How long, in days.
UNTIL: Final = {
    "1": gettext_noop("For a day"),
    "30": gettext_noop("For a month"),
    "365": gettext_noop("For a year"),
}


def app_name(client_id: str) -> str:
    """An app's name as it was approved, or what is known of it."""
    app = app_named(client_id)
    return app.name if app is not None else _("an app")


def place_name(place: Establishment) -> str:
    """Of the one that runs the platform, before it was named: what it is."""
    return place.name or _("the service that runs this site")


def through(app: str, who: str) -> str:
    """An app that somebody let in, in a journal."""
    return _("%(app)s, let in by %(who)s") % {"app": app, "who": who}


def answered(app: str, who: str) -> str:
    """A service that asks for itself, in a journal."""
    return _("%(app)s, for which %(who)s answers") % {"app": app, "who": who}


def problem_words(error: Exception) -> str:
    """Why nothing was registered."""
    if isinstance(error, AccessDeniedError | NotFoundError):
        return _("Who answers for a service is a doctor, a researcher or the data protection officer there.")
    why = str(error)
    return _("Nothing was registered: %(why)s.") % {"why": _(why) if why in _PROBLEMS else _("choose an establishment")}


def scope_words(scope: Scope, app: App) -> str:
    """One scope: "This app may read the measurements"."""
    what = _(TYPES[scope.type]) if scope.type in TYPES else scope.type
    if VITAL_SIGNS in scope.parameters:
        what = _("%(what)s, vital signs only") % {"what": what}
    elif scope.parameters:
        limit = ", ".join(f"{name} {value.rpartition('|')[2]}" for name, value in scope.parameters)
        what = _("%(what)s, only: %(limit)s") % {"what": what, "limit": limit}
    if scope.level == "user":
        return _("%(app)s may read %(what)s, for everybody whose record you may open") % {"app": app.name, "what": what}
    return _("%(app)s may read %(what)s") % {"app": app.name, "what": what}


def context_words(scope: str) -> str:
    """A scope that opens nothing; "" where there is nothing to tell."""
    return _(_CONTEXT[scope]) if scope in _CONTEXT else ""


def family_choices() -> list[dict[str, object]]:
    """Every family, in the order of their names, each left in."""
    rows = [{"value": key, "label": _upper(_(text)), "checked": True} for key, text in _FAMILIES.items()]
    return sorted(rows, key=lambda row: str(row["label"]).casefold())


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def until_choices(chosen: str) -> list[dict[str, object]]:
    return [{"value": key, "label": _(label), "checked": key == chosen} for key, label in UNTIL.items()]
