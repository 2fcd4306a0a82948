"""What the ward's templates need of `words`."""

from __future__ import annotations

from django import template

from egide.cloud.portal import words

register = template.Library()


@register.filter
def role_words(role: str) -> str:
    return words.role_words(role)


@register.filter
def purpose_words(code: str) -> str:
    return words.purpose_words(code)


@register.filter
def ground_words(ground: str) -> str:
    return words.ground_words(ground)
