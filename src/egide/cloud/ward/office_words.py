"""Words of the officers' pages: events, refusals, facts about the platform. No figure or name is in them."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.portal.words import Mark
from egide.cloud.ward import health

__all__ = ["check_mark", "check_words", "event_words", "office_words", "refusal_words", "refused_code_words"]

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
_EVENTS: Final = {
    "clone": (
        gettext_noop("Two messages under one number"),
        gettext_noop("The object or its key may have been copied. Both messages are kept and marked as contested. "
                     "Ask where the object is, and revoke it if nobody can tell."),
    ),
    "policy-disagreement": (
        gettext_noop("The rules and the policies disagreed"),
        gettext_noop("One said yes, the other no: access was refused. One of the two is wrong and must be mended."),
    ),
}  # fmt: skip
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
    "other-purpose": gettext_noop("The ground serves another purpose."),
    "other-role": gettext_noop("The ground is for another kind of account."),
    "no-ground": gettext_noop("Nothing lets this reader see this record."),
    "closed-account": gettext_noop("The reader's account is closed."),
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
    ("witness", health.WRONG): gettext_noop("Witnesses are asked and none ever cosigned"),
    ("witness", health.UNKNOWN): gettext_noop(
        "No outside witness is asked: only this service vouches for the register"
    ),
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


def event_words(kind: str) -> tuple[str, str]:
    """(what happened, what to do) of an event; one that has no words yet is named by its code."""
    if kind not in _EVENTS:
        return kind, ""
    title, advice = _EVENTS[kind]
    return _(title), _(advice)


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
