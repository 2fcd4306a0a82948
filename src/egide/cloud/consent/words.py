"""Why somebody could see, or could not: a sentence for each message of rules.explain.

For the patient and the data-protection officer. The reader is told the same words whatever the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

__all__ = ["SENTENCES", "sentence"]

SENTENCES: Final[Mapping[str, Promise]] = {
    "allowed.self": _("It is their own record."),
    "allowed.care-team": _("They belong to the care team of a follow-up."),
    "allowed.grant": _("You gave them access."),
    "allowed.representative": _("They represent you, by a deed that was checked."),
    "allowed.research": _("You take part in their research project."),
    "allowed.emergency": _("They opened the record in an emergency, and a second person reviews it."),
    "refused.no-ground": _("Nothing gives them access."),
    "refused.purpose-forbidden": _("Nobody may use health data for this, even with your agreement."),
    "refused.sector-forbidden": _(
        "Insurers, employers, banks and sellers get no health data, even with your agreement."
    ),
    "refused.other-purpose": _("Their access does not serve what they asked for."),
    "refused.other-data": _("They asked for measures that their access does not cover."),
    "refused.other-role": _("Their kind of account does not go with this access."),
    "refused.not-begun": _("Their access has not begun yet."),
    "refused.over": _("Their access is over."),
    "refused.no-office": _("They no longer hold any office of care."),
    "refused.opposed": _("You opposed this follow-up."),
    "refused.suspended": _("A court suspended their right to represent you."),
    "refused.of-age": _("You are of age: your parents no longer act for you."),
    "refused.died": _("The person has died: relatives go through the desk."),
    "refused.no-export": _("What an emergency opens is read on the spot, and is never taken out."),
    "refused.statement-damaged": _(
        "A withdrawal or a restriction can no longer be read: the record is closed meanwhile."
    ),
    "refused.policies-disagree": _(
        "The two ways of deciding did not agree: access is refused, and somebody looks into it."
    ),
    "refused.closed-account": _("Their account is closed."),
    "refused.signed-bytes": _("The signed file of a measurement is given to you alone."),
}


def sentence(message: str) -> Promise | str:
    """The sentence of a message; the message itself when it is of another version."""
    return SENTENCES.get(message, message)
