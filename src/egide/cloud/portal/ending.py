"""What a patient opened and what ends by itself: said on their home some days before and after, and by a notice, once.

Read from signed statements; rows only say in whose record to look. What the patient took back themselves is not said
here: it stands in their journal, since somebody may look over their shoulder.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import Facts, Grant, Participation
from egide.cloud.consent.models import Ground
from egide.cloud.keys.provider import provider
from egide.cloud.people.models import Account
from egide.cloud.portal import sharing, words
from egide.cloud.register.store import appending
from egide.cloud.signin.models import Notice
from egide.cloud.signin.notices import tell
from egide.errors import EgideError, KeyMissingError, StorageError

__all__ = ["SOON_MS", "Ending", "ended_since", "ending_soon", "tell_endings"]

SOON_MS: Final = 3 * 86_400_000
#: One that was given for less says its end when it is given: no notice goes before it.
_SHORT_MS: Final = 2 * SOON_MS
_LOOK_BACK_MS: Final = 7 * 86_400_000
_KINDS: Final = ("grant-ending", "grant-over")
_log = logging.getLogger("egide.endings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One ground that ends, or ended, at `at_ms`, in words."""

    id: str
    at_ms: int
    text: str


def ending_soon(patient: Account, *, now_ms: int) -> list[Ending]:
    """What ends within three days and nothing goes on after, the first to end first."""
    facts = facts_of(patient.pk)
    found = [each for each in _given(facts) if _ends_between(each, facts, now_ms, now_ms + SOON_MS)]
    return [_in_words(each, over=False) for each in sorted(found, key=_end)]


def ended_since(patient: Account, since_ms: int, *, now_ms: int) -> list[Ending]:
    """What ended by itself since then."""
    facts = facts_of(patient.pk)
    return [_in_words(each, over=True) for each in _given(facts) if _ends_between(each, facts, since_ms, now_ms)]


def tell_endings(*, now_ms: int) -> int:
    """A notice to each patient for whom something ends within three days, or ended by itself; how many were told.

    A record that cannot be read stops no other, and is said in the log by its code.

    Raises:
        KeyMissingError: this process has not the key-encryption key. StorageError: the store does not answer.
    """
    since, until = now_ms - _LOOK_BACK_MS, now_ms + SOON_MS
    rows = Ground.objects.filter(
        kind__in=(Ground.Kind.GRANT, Ground.Kind.RESEARCH), until_ms__gt=since, until_ms__lte=until,
        patient__is_active=True,
    )  # fmt: skip
    near = {str(key): patient for key, patient in rows.values_list("pk", "patient")}
    said = set(Notice.objects.filter(kind__in=_KINDS, detail__in=near).values_list("kind", "detail"))
    late = Ground.objects.filter(pk__in=[uuid.UUID(key) for key in near], until_ms__lte=now_ms).values_list("pk")
    over = {str(key) for (key,) in late}
    waiting = {near[key] for key in near if (_KINDS[key in over], key) not in said}
    patients = Account.objects.filter(pk__in=waiting).order_by("pk")
    return sum(_tell(patient, since, now_ms) for patient in patients)


def _tell(patient: Account, since_ms: int, now_ms: int) -> int:
    provider().keys()  # without it, statements say nothing: that is not a record where nothing ends
    try:
        facts = facts_of(patient.pk)
    except KeyMissingError:  # the record was erased: there is nothing to open
        return 0
    except StorageError:
        raise
    except EgideError as err:
        _log.warning("what ends for a patient cannot be read: %s", err.code)
        return 0
    if facts.died_ms is not None:
        return 0
    soon = [
        each.id for each in _given(facts)
        if _ends_between(each, facts, now_ms, now_ms + SOON_MS) and _end(each) - each.since_ms > _SHORT_MS
    ]  # fmt: skip
    over = [each.id for each in _given(facts) if _ends_between(each, facts, since_ms, now_ms)]
    told = 0
    with appending():  # one writer at a time: two workers tell it once
        for key in soon:
            if not Notice.objects.filter(account=patient, kind="grant-ending", detail=key).exists():
                tell(patient, "grant-ending", now_ms=now_ms, detail=key)
                told += 1
        for key in over:
            if not Notice.objects.filter(account=patient, kind="grant-over", detail=key).exists():
                tell(patient, "grant-over", now_ms=now_ms, detail=key)
                told += 1
    return told


def _given(facts: Facts) -> Sequence[Grant | Participation]:
    """What was not taken back: its end is the one that it was given with."""
    given: tuple[Grant | Participation, ...] = (*facts.grants, *facts.participations)
    return [each for each in given if each.until_ms == each.term_ms is not None]


def _end(ground: Grant | Participation) -> int:
    assert ground.until_ms is not None
    return ground.until_ms


def _ends_between(ground: Grant | Participation, facts: Facts, since_ms: int, until_ms: int) -> bool:
    return since_ms < _end(ground) <= until_ms and not _goes_on(ground, facts)


def _goes_on(ground: Grant | Participation, facts: Facts) -> bool:
    """Whether another one opens at least as much to the same holder, and longer."""
    others: Sequence[Grant | Participation] = facts.grants if isinstance(ground, Grant) else facts.participations
    return any(
        other.holder == ground.holder and _what_for(other) == _what_for(ground) and _opens_as_much(other, ground)
        and other.since_ms <= _end(ground) and (other.until_ms is None or other.until_ms > _end(ground))
        for other in others
    )  # fmt: skip


def _what_for(ground: Grant | Participation) -> str:
    return ground.purpose if isinstance(ground, Grant) else ground.declared or ground.project


def _opens_as_much(other: Grant | Participation, ground: Grant | Participation) -> bool:
    mine, theirs = ground.data.families, other.data.families
    return theirs is None or (mine is not None and theirs >= mine)


def _in_words(ground: Grant | Participation, *, over: bool) -> Ending:
    at_ms = _end(ground)
    who, day = sharing.holder_name(ground.holder), words.last_day(at_ms)
    if isinstance(ground, Participation):
        text = (
            _("Your part in “%(project)s” ended by itself, with the project.")
            if over
            else _("Your part in “%(project)s” ends by itself after %(day)s.")
        )
        return Ending(id=ground.id, at_ms=at_ms, text=text % {"project": ground.project, "day": day})
    text = (
        _("What you shared with %(who)s ended by itself.")
        if over
        else _("What you share with %(who)s ends by itself after %(day)s.")
    )
    return Ending(id=ground.id, at_ms=at_ms, text=text % {"who": who, "day": day})
