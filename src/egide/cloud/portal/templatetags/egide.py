"""What templates need of `words`."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString

from egide.cloud.portal import words
from egide.cloud.portal.elision import in_french
from egide.cloud.portal.words import Mark

register = template.Library()


@register.simple_tag
def when(ms: int, now_ms: int) -> SafeString:
    """An instant: how long ago, the exact time on hover and for machines."""
    moment = words.local(ms)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        words.exact_time(ms),
        words.ago(ms, now_ms),
    )


@register.simple_tag
def second(ms: int, now_ms: int) -> SafeString:
    """An instant to the second, for a table."""
    moment = words.local(ms).isoformat(timespec="seconds")
    return format_html('<time datetime="{}">{}</time>', moment, words.at_second(ms, now_ms))


@register.simple_tag
def instant(ms: int) -> SafeString:
    """An instant, exactly."""
    return format_html(
        '<time datetime="{}">{}</time>', words.local(ms).isoformat(timespec="seconds"), words.exact_time(ms)
    )


@register.filter(is_safe=True)
def elide(sentence: str) -> str:
    """Around a sentence that takes a name: « d’Alice », where the page is in French."""
    return in_french(sentence)


@register.filter
def number(value: Decimal | int) -> str:
    return words.number(value)


@register.filter
def unlocal(value: float) -> str:
    """A number for a machine: no comma, whatever the language."""
    return f"{value:g}"


@register.filter
def times(value: int, factor: int) -> int:
    return value * factor


@register.filter
def clock_time(ms: int) -> str:
    return words.local(ms).strftime("%H:%M:%S")


@register.filter
def day(ms: int, now_ms: int) -> str:
    return words.day_name(ms, now_ms)


@register.filter
def plain_date(ms: int) -> str:
    return formats.date_format(words.local(ms), "j F Y")


@register.filter
def last_day(ms: int) -> str:
    """Of what ends at an instant, the last day: the same as the sentence that was agreed to says."""
    return words.last_day(ms)


@register.filter
def leaf_index(entry: int) -> str:
    """The number of an entry in its log, as people read it."""
    return words.number(entry & ((1 << 40) - 1))


@register.inclusion_tag("portal/_mark.html")
def mark(sign: Mark) -> dict[str, Mark]:
    """A mark's shape and word."""
    return {"sign": sign}
