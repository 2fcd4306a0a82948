"""The reasons of the list, as sentences."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from egide.cloud.portal import words
from egide.cloud.portal.words import Mark
from egide.cloud.ward.attention import Reason

__all__ = ["reason_mark", "reason_words"]

_MARKS: Final = {
    "contested": ("q-contested", gettext_noop("Contested")),
    "silent": ("q-late", gettext_noop("Silent")),
    "doubtful": ("q-doubt", gettext_noop("To be checked")),
    "late": ("q-late", gettext_noop("Received late")),
    "paused": ("q-held", gettext_noop("Paused")),
}
_BECAUSE: Final = {
    "certificate": gettext_noop("its certificate has lapsed"),
    "battery": gettext_noop("its battery was low"),
    "never": gettext_noop("it has sent nothing since it was set up"),
    "reach": gettext_noop("it may be off, out of reach or not worn"),
    "unknown-metric": gettext_noop("a kind of measurement that is not known"),
    "unit-unknown": gettext_noop("a unit that is not usual"),
    "unit": gettext_noop("the object may be set to another unit"),
    "range": gettext_noop("outside what is usually possible"),
    "rate": gettext_noop("changed faster than a body usually can"),
    "flat": gettext_noop("the sensor may be stuck"),
    "order": gettext_noop("the two pressures may be swapped"),
    "future": gettext_noop("dated in the future"),
}


def reason_mark(reason: Reason) -> Mark:
    """The sign of a reason: a shape and a word, never colour alone."""
    shape, word = _MARKS[reason.code]
    tone = "plain" if reason.code == "paused" else "wait"
    return Mark(shape=shape, word=_(word), meaning="", tone=tone)


def reason_words(reason: Reason, *, now_ms: int) -> str:
    """What happened, and the plausible reasons beside it."""
    n = reason.count
    if reason.code == "silent":
        said = _("%(object)s: nothing since %(since)s") if reason.since_ms else _("%(object)s: never heard")
        text = said % {"object": reason.model, "since": words.at(reason.since_ms or 0, now_ms)}
    elif reason.code == "paused":
        text = _("until %(when)s") % {"when": words.at(reason.since_ms, now_ms)} if reason.since_ms else ""
    elif reason.code == "contested":
        text = ngettext(
            "%(n)s value, sent under a number used twice", "%(n)s values, sent under a number used twice", n
        )
        text %= {"n": words.number(n)}
    elif reason.code == "doubtful":
        text = ngettext("%(n)s value", "%(n)s values", n) % {"n": words.number(n)}
    else:
        text = ngettext("%(n)s value, long after it was measured", "%(n)s values, long after they were measured", n)
        text %= {"n": words.number(n)}
    causes = [_(_BECAUSE[code]) for code in reason.because if code in _BECAUSE]
    return f"{text} ({', '.join(causes[:2])})" if causes else text
