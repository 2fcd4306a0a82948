"""Words of the officers' pages: events, refusals, facts about the platform. No figure or name is in them."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.portal.words import Mark
from egide.cloud.ward import health

__all__ = [
    "EVENT_KINDS", "check_mark", "check_words", "event_words", "kind_words", "note_words", "office_words",
    "outcome_words", "refusal_words", "refused_code_words", "unit_mark", "why_words", "witness_words",
]  # fmt: skip

_OFFICES: Final = {
    "nurse": gettext_noop("nurse"),
    "doctor": gettext_noop("doctor"),
    "professional": gettext_noop("care professional"),
    "engineer": gettext_noop("biomedical engineer"),
    "security-officer": gettext_noop("security officer"),
    "dpo": gettext_noop("data protection officer"),
    "researcher": gettext_noop("researcher"),
    "maker": gettext_noop("maker"),
    "auditor": gettext_noop("auditor"),
    "administrator": gettext_noop("administrator"),
}
_KINDS: Final = {
    "hospital": gettext_noop("hospital"),
    "clinic": gettext_noop("clinic"),
    "practice": gettext_noop("practice"),
    "home-care": gettext_noop("home care"),
    "laboratory": gettext_noop("laboratory"),
    "maker": gettext_noop("maker of objects"),
    "other": gettext_noop("other"),
    "insurer": gettext_noop("insurer (opens nothing)"),
    "employer": gettext_noop("employer (opens nothing)"),
    "bank": gettext_noop("bank (opens nothing)"),
}
_EVENTS: Final = {
    "clone": (
        gettext_noop("Two messages under one number"),
        gettext_noop("The object or its key may have been copied. Both messages are kept and marked as contested. "
                     "Ask where the object is, and revoke it if nobody can tell."),
    ),
    "flood": (
        gettext_noop("More refused in a minute than is kept"),
        gettext_noop("The rest was refused too, and only counted. Ask where the object is, and revoke it if it was "
                     "copied."),
    ),
    "cut": (
        gettext_noop("A revoked object was cut off"),
        gettext_noop("It was connected when it was revoked; the connection was ended. Nothing more is needed."),
    ),
    "witness-conflict": (
        gettext_noop("A witness saw another register"),
        gettext_noop("It knows a longer or another history than ours. Stop restoring or copying anything, keep both, "
                     "and compare checkpoints: one of the two was put back or rewritten."),
    ),
    "policy-disagreement": (
        gettext_noop("The rules and the policies disagreed"),
        gettext_noop("One said yes, the other no: access was refused. One of the two is wrong and must be mended."),
    ),
    "review-overdue": (
        gettext_noop("An emergency access was not reviewed in time"),
        gettext_noop("A second person was to review it within a day. The data protection officer was told; make sure "
                     "that somebody does."),
    ),
}  # fmt: skip
_NOTES: Final = {
    "seen": gettext_noop("Seen"),
    "kept": gettext_noop("Stays in quarantine"),
    "again": gettext_noop("Tried again"),
}
_OUTCOMES: Final = {
    "stored": gettext_noop("accepted: in the register"),
    "cut-short": gettext_noop("only its beginning was kept"),
    "seal-broken": gettext_noop("its seal does not hold: the row was altered"),
}
_WHY: Final = {
    "lost": gettext_noop("lost"),
    "stolen": gettext_noop("stolen"),
    "retired": gettext_noop("no longer in service"),
    "replaced": gettext_noop("replaced"),
    "copied": gettext_noop("copied"),
}
_UNITS: Final = {
    "measuring": ("q-fine", gettext_noop("Measures"), "good"),
    "free": ("q-held", gettext_noop("Measures nobody"), "plain"),
    "waiting": ("q-held", gettext_noop("Waits to join"), "plain"),
    "revoked": ("q-doubt", gettext_noop("Stopped for good"), "wait"),
}
_ANSWERS: Final = {
    "cosigned": gettext_noop("cosigns"),
    "silent": gettext_noop("does not answer"),
    "never": gettext_noop("never cosigned"),
    "disagrees": gettext_noop("disagrees: it saw a longer or another register"),
}
EVENT_KINDS: Final = tuple(_EVENTS)
_CODES: Final = {
    "malformed": gettext_noop("not in the form that was agreed"),
    "too-large": gettext_noop("too large"),
    "signature-invalid": gettext_noop("the signature does not hold"),
    "identity-unknown": gettext_noop("nobody known here"),
    "certificate-expired": gettext_noop("the certificate has lapsed"),
    "certificate-revoked": gettext_noop("the object was revoked"),
    "pairing-unknown": gettext_noop("a pairing that is not this object's"),
}
_REFUSED: Final = {
    "purpose-forbidden": gettext_noop("This purpose is forbidden to everybody, whatever was granted."),
    "sector-forbidden": gettext_noop("The reader works for a sector that may never read."),
    "statement-damaged": gettext_noop("A statement that may narrow could not be read: nobody but the patient may see."),
    "no-export": gettext_noop("An emergency shows on screen and exports nothing."),
    "other-data": gettext_noop("The ground opens other measurements or another period."),
    "opposed": gettext_noop("The patient opposed."),
    "suspended": gettext_noop("The representation is suspended."),
    "of-age": gettext_noop("The patient has come of age."),
    "died": gettext_noop("The patient has died: the desk decides."),
    "over": gettext_noop("The ground was over."),
    "not-begun": gettext_noop("The ground had not begun."),
    "no-office": gettext_noop("The reader no longer holds any office of care."),
    "other-purpose": gettext_noop("The ground serves another purpose."),
    "other-role": gettext_noop("The ground is for another kind of account."),
    "no-ground": gettext_noop("Nothing lets this reader see this record."),
    "closed-account": gettext_noop("The reader's account is closed."),
    "signed-bytes": gettext_noop("The signed file of a measurement is given to the patient alone."),
    "policies-disagree": gettext_noop("The rules and the policies disagreed, so it was a no."),
}
_CHECKS: Final = {
    ("ready", health.FINE): gettext_noop("The database answers and the register is open"),
    ("ready", health.WRONG): gettext_noop("The database or the register does not answer"),
    ("worker", health.FINE): gettext_noop("The worker signs checkpoints"),
    ("worker", health.WRONG): gettext_noop(
        "The register grew and no checkpoint was signed: the worker may have stopped"
    ),
    ("worker", health.UNKNOWN): gettext_noop("No checkpoint yet"),
    ("intake", health.FINE): gettext_noop("Last message taken in"),
    ("intake", health.UNKNOWN): gettext_noop("No message was ever taken in"),
    ("witness", health.FINE): gettext_noop("Outside witnesses cosign the register"),
    ("witness", health.WRONG): gettext_noop("Witnesses are asked and none cosigns now"),
    ("witness", health.UNKNOWN): gettext_noop(
        "No outside witness is asked: only this service vouches for the register"
    ),
    ("disagreement", health.WRONG): gettext_noop(
        "A witness disagrees: it saw another register than this one. Stop, keep both, compare checkpoints"
    ),
    ("objects", health.FINE): gettext_noop("Objects are listened to"),
    ("objects", health.UNKNOWN): gettext_noop("Whether objects are listened to cannot be told here"),
    ("objects", health.WRONG): gettext_noop(
        "Nothing listens to objects by HTTPS on this machine: they keep what they measure"
    ),
    ("mqtt", health.FINE): gettext_noop("The broker listens to objects"),
    ("mqtt", health.UNKNOWN): gettext_noop("Whether the broker listens cannot be told here"),
    ("mqtt", health.WRONG): gettext_noop("No broker listens to objects on this machine: they keep what they measure"),
    ("broker", health.FINE): gettext_noop("The broker listens to intake"),
    ("broker", health.UNKNOWN): gettext_noop("Whether the broker answers cannot be told here"),
    ("broker", health.WRONG): gettext_noop("No broker listens to intake on this machine"),
    ("platform-until", health.FINE): gettext_noop("The platform’s signing certificate lasts"),
    ("platform-until", health.WRONG): gettext_noop("The platform’s signing certificate must be renewed by hand"),
    ("platform-until", health.UNKNOWN): gettext_noop("The platform’s signing certificate cannot be read here"),
    ("tls-until", health.FINE): gettext_noop("The listeners’ certificate lasts"),
    ("tls-until", health.WRONG): gettext_noop("The listeners’ certificate must be renewed by hand"),
    ("tls-until", health.UNKNOWN): gettext_noop("The listeners’ certificate cannot be read here"),
    ("issuing-until", health.FINE): gettext_noop("The authority that names objects lasts"),
    ("issuing-until", health.WRONG): gettext_noop("The authority that names objects must be renewed by hand"),
    ("issuing-until", health.UNKNOWN): gettext_noop("The authority’s certificate cannot be read here"),
    ("disk", health.FINE): gettext_noop("Free space on the disk of the data"),
    ("disk", health.WRONG): gettext_noop("Little space is left on the disk of the data"),
    ("disk", health.UNKNOWN): gettext_noop("The disk of the data cannot be read"),
    ("backup", health.FINE): gettext_noop("Last backup"),
    ("backup", health.WRONG): gettext_noop("The last backup is more than a day old"),
    ("backup", health.UNKNOWN): gettext_noop("The register tells of no backup"),
}
_STATES: Final = {
    health.FINE: ("q-fine", gettext_noop("In order"), "good"),
    health.WRONG: ("q-doubt", gettext_noop("To be looked at"), "wait"),
    health.UNKNOWN: ("q-held", gettext_noop("Not known"), "plain"),
}


def office_words(office: str) -> str:
    """An office's name."""
    return _(_OFFICES[office]) if office in _OFFICES else office


def kind_words(kind: str) -> str:
    """What kind of establishment."""
    return _(_KINDS[kind]) if kind in _KINDS else kind


def event_words(kind: str) -> tuple[str, str]:
    """(what happened, what to do) of an event; one that has no words yet is named by its code."""
    if kind not in _EVENTS:
        return kind, ""
    title, advice = _EVENTS[kind]
    return _(title), _(advice)


def note_words(what: str) -> str:
    """What somebody did about an event or a refused message."""
    return _(_NOTES[what]) if what in _NOTES else what


def outcome_words(outcome: str) -> str:
    """What became of a message that was tried again; "" where nothing was tried."""
    return _(_OUTCOMES[outcome]) if outcome in _OUTCOMES else refused_code_words(outcome)


def witness_words(answer: str) -> str:
    """What a witness last said of the register."""
    return _(_ANSWERS[answer])


def unit_mark(state: str) -> Mark:
    """The sign of an object's state."""
    shape, word, tone = _UNITS[state]
    return Mark(shape=shape, word=_(word), meaning="", tone=tone)


def why_words(why: str) -> str:
    """Why an object was revoked: one word of the fleet's."""
    return _(_WHY[why]) if why in _WHY else why


def refused_code_words(code: str) -> str:
    """Why an envelope was refused."""
    return _(_CODES[code]) if code in _CODES else code


def refusal_words(reason: str) -> str:
    """Why an ask was refused: a reason of consent's rules, as a sentence."""
    return _(_REFUSED[reason]) if reason in _REFUSED else reason


def check_words(check: health.Check) -> str:
    return _(_CHECKS[(check.key, check.state)])


def check_mark(check: health.Check) -> Mark:
    """The sign of a state: a shape and a word."""
    shape, word, tone = _STATES[check.state]
    return Mark(shape=shape, word=_(word), meaning="", tone=tone)
