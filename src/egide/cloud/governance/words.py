"""The rights in words that a person uses, and what each means for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.governance.models import Request

__all__ = ["KINDS", "RightWords", "class_words", "outcome_words", "right_words", "state_words", "step_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RightWords:
    """One right: its name, what it does, what happens then, what to write."""

    kind: str
    title: str
    desk: str  # as the desk calls it
    means: str
    then: str
    write: str
    needed: bool = False  # something must be written


_RIGHTS: Final = {
    "access": (
        gettext_noop("Get a copy of my record"),
        gettext_noop("A copy of what this service and its professionals hold about you."),
        gettext_noop("The law leaves you some time to think first. You see at once by which day you are answered."),
        gettext_noop("Is there something that you look for in particular?"),
    ),
    "portability": (
        gettext_noop("Take my measurements elsewhere"),
        gettext_noop("One file with everything: to read, for another health service, and with its proofs."),
        gettext_noop("You can download it yourself, now. Or the team prepares it for you."),
        gettext_noop("Where would you like to take them? You need not say."),
    ),
    "rectify": (
        gettext_noop("Correct something"),
        gettext_noop("A measurement that is not yours, a wrong date, a name that is misspelt."),
        gettext_noop(
            "What an object signed is never changed: a wrong measurement is marked as such, and those who read it are "
            "told."
        ),
        gettext_noop("What is wrong, and what should it say?"),
    ),
    "restrict": (
        gettext_noop("Limit what is shown"),
        gettext_noop("Somebody should not see a measurement, or a period. They will not know that it is hidden."),
        gettext_noop("You can do it yourself at once, or ask the team to do it with you."),
        gettext_noop("Who should not see what?"),
    ),
    "oppose": (
        gettext_noop("Object to something"),
        gettext_noop("You no longer want somebody of the team, or a use of your measurements."),
        gettext_noop("You can do it yourself at once, or ask the team to do it with you."),
        gettext_noop("To whom, or to what, do you object?"),
    ),
    "erase": (
        gettext_noop("Erase what may be erased"),
        gettext_noop("What you added for yourself, and what you lent to research, is erased for good."),
        gettext_noop(
            "The law obliges the hospital to keep your care record. You will be told until when, and what you can do"
            " instead."
        ),
        gettext_noop("Is there something that we should know? You need not say why."),
    ),
}
KINDS: Final = tuple(_RIGHTS)
_DESK: Final = {
    "access": gettext_noop("Access to the record"), "portability": gettext_noop("Portability"),
    "rectify": gettext_noop("Rectification"), "restrict": gettext_noop("Restriction"),
    "oppose": gettext_noop("Objection"), "erase": gettext_noop("Erasure"),
}  # fmt: skip
_STATES: Final = {
    Request.State.OPEN: gettext_noop("waiting for an answer"),
    Request.State.GRANTED: gettext_noop("answered: yes"),
    Request.State.PARTLY: gettext_noop("answered: in part"),
    Request.State.REFUSED: gettext_noop("answered: no"),
    Request.State.WITHDRAWN: gettext_noop("taken back"),
}
_STEPS: Final = {
    "asked": gettext_noop("The request"), "put-off": gettext_noop("More time was taken"),
    "granted": gettext_noop("The answer is yes"), "partly": gettext_noop("The answer is yes, in part"),
    "refused": gettext_noop("The answer is no"), "withdrawn": gettext_noop("The request was taken back"),
    "delivered": gettext_noop("The file was handed over"),
}  # fmt: skip
#: What an answer comes to, by right and state: what holds now, and what one can still do.
_OUTCOMES: Final = {
    ("rectify", "granted"): gettext_noop(
        "The team says that it is corrected. What an object signed is never rewritten: it stays beside the correction."
    ),
    ("rectify", "partly"): gettext_noop("The team corrected a part of it: it says below which, and why."),
    ("rectify", "refused"): gettext_noop(
        "Nothing was corrected: the team says why below. Your request stays in your record, with your own words."
    ),
    ("restrict", "granted"): gettext_noop(
        "It is limited. What you hide is listed with who may see, and you can change it there at any time."
    ),
    ("restrict", "partly"): gettext_noop("A part of it is limited. You can hide the rest yourself, at once."),
    ("restrict", "refused"): gettext_noop(
        "The team did not limit it for you. You can still hide it yourself, at once: nobody has to agree."
    ),
    ("oppose", "granted"): gettext_noop("Your objection holds. The list of who may see shows who still reads."),
    ("oppose", "partly"): gettext_noop(
        "A part of your objection holds. You can object to anybody of your care team yourself, at once."
    ),
    ("oppose", "refused"): gettext_noop(
        "The team did not follow you. You can still object to anybody of your care team yourself, at once."
    ),
}  # fmt: skip
_WITHDRAWN: Final = gettext_noop("You took your request back: nothing changed because of it.")
_CLASSES: Final = {
    "care": gettext_noop("Your care record"),
    "personal": gettext_noop("What you added for yourself"),
    "research": gettext_noop("What you lent to research"),
}
_DESK_CLASSES: Final = {
    "care": gettext_noop("The care record"),
    "personal": gettext_noop("What the person added for themselves"),
    "research": gettext_noop("What was lent to research"),
}


def right_words(kind: str) -> RightWords:
    """A right in the reader's language."""
    title, means, then, write = _RIGHTS[kind]
    return RightWords(
        kind=kind, title=_(title), desk=_(_DESK[kind]), means=_(means), then=_(then), write=_(write),
        needed=kind == "rectify",
    )  # fmt: skip


def outcome_words(kind: str, state: str) -> str:
    """What an answer comes to for the person; "" while there is none, or where the page shows the thing itself."""
    if state == Request.State.WITHDRAWN:
        return _(_WITHDRAWN)
    said = _OUTCOMES.get((kind, state))
    return _(said) if said else ""


def state_words(state: str) -> str:
    return _(_STATES[Request.State(state)])


def step_words(step: str) -> str:
    return _(_STEPS[step]) if step in _STEPS else step


def class_words(klass: str, *, desk: bool = False) -> str:
    """A class of a record, as its patient or as the desk calls it."""
    said = _DESK_CLASSES if desk else _CLASSES
    return _(said[klass]) if klass in said else klass
