"""Words for people: numbers, units, times, marks, in the language that is in force for the request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Final

from django.utils import formats
from django.utils.translation import get_language, gettext_noop, ngettext
from django.utils.translation import gettext as _

from egide.cloud.comfort import wishes

__all__ = [
    "Mark",
    "ago",
    "at",
    "at_second",
    "day_name",
    "doubt_words",
    "exact_time",
    "ground_words",
    "last_day",
    "local",
    "number",
    "purpose_words",
    "quality_marks",
    "role_words",
    "trust_mark",
    "unit_words",
    "zone",
]

NARROW: Final = "\u202f"
_UNITS: Final = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "/min": "/min",
    "{beats}/min": "/min",
    "{steps}": "",
    "{score}": "",
    "1": "",
    "m/s2": "m/s²",
    "kg/m2": "kg/m²",
    "[in_i]": "in",
    "[lb_av]": "lb",
    "[iU]": "UI",
    "[iU]/h": "UI/h",
    "10*9/L": "10⁹/L",
    "uV": "µV",
    "{INR}": "",
}
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A sign beside a reading: a shape (an id in marks.svg), a word, and one sentence that explains it."""

    shape: str
    word: str
    meaning: str
    tone: str = "plain"  # plain, good, wait


_TRUST: Final = {
    1: (
        gettext_noop("Entered by hand"),
        gettext_noop("A person typed this value in. Nobody but that person answers for it."),
    ),
    2: (
        gettext_noop("Sent by a system"),
        gettext_noop("Another computer system sent this value and signed it; the object itself did not."),
    ),
    3: (
        gettext_noop("Relayed by a gateway"),
        gettext_noop("A gateway read the object nearby and signed what it read; the object itself did not."),
    ),
    4: (
        gettext_noop("Signed by the object"),
        gettext_noop("The object signed this value when it measured it. Any change since would show."),
    ),
    5: (
        gettext_noop("Signed in secure hardware"),
        gettext_noop("The object signed this value with a key that cannot be copied out of its secure hardware."),
    ),
}
_FLAGS: Final = {
    "contested": (
        gettext_noop("Contested"),
        gettext_noop("Two different messages claim the same place: the object may have been copied. Both are shown."),
    ),
    "clock": (
        gettext_noop("Time corrected"),
        gettext_noop("The object's clock was wrong. The time shown was corrected; the signed time is kept beside it."),
    ),
    "late": (gettext_noop("Received late"), gettext_noop("The message came long after the measurement.")),
    "held": (
        gettext_noop("To be attributed"),
        gettext_noop(
            "The object was not paired with anyone at that time: somebody must say whose measurement this is."
        ),
    ),
}
_DOUBT: Final = (
    gettext_noop("To be checked"),
    gettext_noop("This value is unusual or impossible. It is kept and shown, and should be measured again."),
)
_FINE: Final = (
    gettext_noop("Plausible"),
    gettext_noop("This value lies in the usual range of what can be measured."),
)
_DOUBTS: Final = {
    "unknown-metric": gettext_noop("Egide does not know this kind of measurement."),
    "unit-unknown": gettext_noop("The unit is not one that this measurement is given in."),
    "unit": gettext_noop("The value would be usual in another unit: the object may be set to the wrong one."),
    "range": gettext_noop("The value lies outside what is usually possible."),
    "rate": gettext_noop("The value changed faster than a body usually can."),
    "flat": gettext_noop("The very same value came for a long time: the sensor may be stuck."),
    "order": gettext_noop("The diastolic pressure is not below the systolic one."),
    "future": gettext_noop("The measurement is dated after the moment it was received."),
}
_PURPOSES: Final = {
    "PATRQT": gettext_noop("own record"),
    "TREAT": gettext_noop("care"),
    "ETREAT": gettext_noop("emergency care"),
    "HRESCH": gettext_noop("research"),
    "HPAYMT": gettext_noop("payment"),
    "HOPERAT": gettext_noop("running the service"),
    "HMARKT": gettext_noop("marketing"),
    "CAREMGT": gettext_noop("organising care"),
    "FAMRQT": gettext_noop("news for the family"),
    "SUPNWK": gettext_noop("day-to-day help"),
    "PWATRNY": gettext_noop("acting for the patient"),
}


_ROLES: Final = {
    "patient": gettext_noop("patient"),
    "relative": gettext_noop("relative"),
    "professional": gettext_noop("care professional"),
    "operator": gettext_noop("operator"),
}
_GROUNDS: Final = {
    "self": gettext_noop("it is their own record"),
    "care-team": gettext_noop("member of the follow-up"),
    "grant": gettext_noop("a grant of the patient's"),
    "representative": gettext_noop("acts for the patient"),
    "research": gettext_noop("a research project"),
    "emergency": gettext_noop("an emergency"),
}


def role_words(role: str) -> str:
    """An account's role."""
    return _(_ROLES[role]) if role in _ROLES else role


def ground_words(ground: str) -> str:
    """Why an answer was yes."""
    return _(_GROUNDS[ground]) if ground in _GROUNDS else ground


def zone() -> tzinfo:
    """The time zone that pages speak in: the reader's, else the platform's."""
    return wishes.zone()


def local(ms: int) -> datetime:
    """Milliseconds since 1970 as a local time."""
    return datetime.fromtimestamp(ms / 1000, tz=zone())


def number(value: Decimal | int) -> str:
    """Exact digits, with the language's decimal sign and thousands set apart: 36.50 is "36,50" in French."""
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    sign, digits = ("\u2212", text[1:]) if text.startswith("-") else ("", text)
    whole, dot, rest = digits.partition(".")
    grouped = ""
    while len(whole) > 3:
        grouped = (NARROW if _french() else ",") + whole[-3:] + grouped
        whole = whole[:-3]
    return sign + whole + grouped + (("," if _french() else ".") + rest if dot else "")


def unit_words(ucum: str) -> str:
    """A UCUM unit as people write it."""
    return _UNITS.get(ucum, ucum)


def ago(ms: int, now_ms: int) -> str:
    """How long since, in few words; the day and time from one day on."""
    since = now_ms - ms
    if since < -_MINUTE:
        return at(ms, now_ms)
    if since < _MINUTE:
        return _("just now")
    if since < _HOUR:
        n = since // _MINUTE
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", n) % {"n": n}
    if since < _DAY and local(ms).date() == local(now_ms).date():
        n = since // _HOUR
        return ngettext("%(n)s hour ago", "%(n)s hours ago", n) % {"n": n}
    return at(ms, now_ms)


def at(ms: int, now_ms: int) -> str:
    """The day and the time: "today at 14:02", "yesterday at 14:02", "12 March 2026 at 14:02"."""
    return _("%(day)s at %(time)s") % {"day": day_name(ms, now_ms), "time": local(ms).strftime("%H:%M")}


def at_second(ms: int, now_ms: int) -> str:
    """For a table, where lines are told apart: the time to the second, with the day when it is not today."""
    time = local(ms).strftime("%H:%M:%S")
    if local(ms).date() == local(now_ms).date():
        return time
    return _("%(day)s at %(time)s") % {"day": day_name(ms, now_ms), "time": time}


def day_name(ms: int, now_ms: int) -> str:
    """Today, yesterday, or the date."""
    days = (local(now_ms).date() - local(ms).date()).days
    if days == 0:
        return _("today")
    if days == 1:
        return _("yesterday")
    return formats.date_format(local(ms), "j F Y")


def last_day(until_ms: int) -> str:
    """The last day of what ends at an instant: a midnight belongs to the day that it ends."""
    return formats.date_format(local(until_ms - 1), "j F Y")


def exact_time(ms: int) -> str:
    """The full date and time, to the second; the zone too when it is not the platform's."""
    moment = local(ms)
    told = f"{formats.date_format(moment, 'l j F Y')}, {moment.strftime('%H:%M:%S')}"
    return f"{told} ({moment.tzname()})" if wishes.current().zone else told


def trust_mark(level: int) -> Mark:
    """The mark of one of the five levels of trust, weakest first."""
    word, meaning = _TRUST[level]
    return Mark(shape=f"t{level}", word=_(word), meaning=_(meaning))


def quality_marks(flags: frozenset[str], doubt: str | None) -> list[Mark]:
    """What should be known of a reading's quality: at least one mark."""
    marks = [
        Mark(shape=f"q-{flag}", word=_(_FLAGS[flag][0]), meaning=_(_FLAGS[flag][1]), tone="wait")
        for flag in sorted(flags & _FLAGS.keys())
    ]
    if doubt:
        marks.insert(0, Mark(shape="q-doubt", word=_(_DOUBT[0]), meaning=_(_DOUBT[1]), tone="wait"))
    return marks or [Mark(shape="q-fine", word=_(_FINE[0]), meaning=_(_FINE[1]))]


def doubt_words(code: str | None) -> str:
    """Why a value is to be checked, in one sentence; "" when it is not."""
    if not code:
        return ""
    return _(_DOUBTS[code]) if code in _DOUBTS else code


def purpose_words(code: str) -> str:
    """An HL7 PurposeOfUse in a person's words."""
    return _(_PURPOSES[code]) if code in _PURPOSES else code


def _french() -> bool:
    return (get_language() or "fr").startswith("fr")
