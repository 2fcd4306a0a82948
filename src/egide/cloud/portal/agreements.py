"""What a patient said at a desk, in words: for their own page, and for the desk that wrote it down."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from egide.cloud.governance.acting import died_on
from egide.cloud.people import desk
from egide.cloud.people.desk import Recorded, agreements_of
from egide.cloud.people.models import Account, Agreement
from egide.cloud.portal import sharing
from egide.cloud.portal.sharing import Choice
from egide.cloud.signin.notices import tell
from egide.errors import NotFoundError, RefusedError

__all__ = ["Shown", "about_choices", "agreement_of", "given_words", "how_choices", "record", "said_by", "waiting"]

_ABOUT: Final = {
    "telemonitoring": gettext_noop("To be followed at a distance"),
    "follow-up": gettext_noop("To be followed by the care team"),
    "sharing": gettext_noop("To share measurements"),
    "account": gettext_noop("To have an account here"),
}
#: One question for how it was said and what shows it: a paper is always shown by its form.
_HOW: Final = {
    "paper signed-form": gettext_noop("On paper: they signed a form"),
    "oral witness": gettext_noop("Aloud, before a witness"),
    "oral care-note": gettext_noop("Aloud, and it stands in the care record"),
    "oral phone-call": gettext_noop("Aloud, on the telephone"),
    "oral signed-form": gettext_noop("Aloud, with a form that they signed"),
}
_OFFERED: Final = tuple(key for key in _HOW if key != "oral signed-form")


_GIVEN: Final = {
    "oral": gettext_noop("Agreement given aloud"),
    "paper": gettext_noop("Agreement given on paper"),
    "signed": gettext_noop("Agreement given by a digital signature"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One agreement or refusal in words. `state`: waiting | confirmed | withdrawn."""

    said: Recorded
    about: str
    how: str
    who: str

    @property
    def state(self) -> str:
        if self.said.withdrawn_ms is not None:
            return "withdrawn"
        return "waiting" if self.said.confirmed_ms is None else "confirmed"


def said_by(patient: Account) -> list[Shown]:
    """As signed statements say, latest first, each with how it was given and by whom it was written down."""
    return [_shown(said) for said in reversed(agreements_of(patient))]


def waiting(said: Iterable[Shown]) -> int:
    """How many wait for the patient's own yes."""
    return sum(one.state == "waiting" for one in said)


def given_words(how: str) -> str:
    """How an agreement to a follow-up was given, as the ground says it; "" for a word that is none."""
    words = _GIVEN.get(how)
    return _(words) if words else ""


def agreement_of(patient: Account, agreement: uuid.UUID) -> Agreement:
    """Raises NotFoundError: this patient said no such thing."""
    row = Agreement.objects.filter(patient=patient, pk=agreement).select_related("patient").first()
    if row is None:
        raise NotFoundError("this patient has no such agreement")
    return row


def about_choices() -> list[Choice]:
    return [Choice(value=key, label=_(label)) for key, label in _ABOUT.items()]


def how_choices() -> list[Choice]:
    return [Choice(value=key, label=_(_HOW[key])) for key in _OFFERED]


def record(patient: Account, by: Account, said: Mapping[str, Any], scan: bytes | None, now_ms: int) -> None:
    """Write down what a living patient said; they are told.

    Raises:
        RefusedError: an answer is missing. MalformedError, TooLargeError, AccessDeniedError: as `record_agreement`.
    """
    answer, how = said.get("answer", ""), said.get("how", "")
    if answer not in ("yes", "no") or how not in _OFFERED:
        raise RefusedError("say whether they agree, and how they said it")
    if by.pk == patient.pk or died_on(patient) is not None:
        raise RefusedError("it is written down by somebody else, for a living person")
    way, evidence = how.split(" ")
    desk.record_agreement(
        patient, said.get("about", ""), agreed=answer == "yes", way=way, evidence=evidence, by=by, now_ms=now_ms,
        scan=scan,
    )  # fmt: skip
    tell(patient, "desk", now_ms=now_ms)


def _shown(said: Recorded) -> Shown:
    return Shown(
        said=said, about=_(_ABOUT[said.about]), how=_(_HOW[f"{said.way} {said.evidence}"]),
        who=sharing.holder_name(sharing.account_holder(said.by)),
    )  # fmt: skip
