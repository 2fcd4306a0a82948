"""Find a patient by name within the reader's establishments: names are opened in memory, and never indexed.

The birth date is required: a name alone would list a ward. Names are compared without case, accents, hyphens or order.
Whoever shares both is shown as a homonym, so that nobody picks the first line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from egide.cloud.keys.columns import blind_index, open_text
from egide.cloud.people import names
from egide.cloud.people.identity import INS_INDEX, known_identity, traits_context
from egide.cloud.people.ins import Ins
from egide.cloud.people.models import Account, Identity
from egide.cloud.people.scope import Scope
from egide.cloud.people.traits import Traits
from egide.errors import EgideError, RefusedError

__all__ = ["Found", "find_by_ins", "find_patients", "homonyms_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A patient who answers to the name and date, and how well their identity is known."""

    patient: Account
    traits: Traits
    status: str
    homonym: bool  # another patient of these establishments answers to the same name and date
    double: bool  # and has the same strict traits: perhaps the same person twice


def find_patients(scope: Scope, name: str, birth_date: str) -> list[Found]:
    """Patients of the scope, born that day, whose names hold every word of `name`; best known first.

    Raises:
        RefusedError: no name, or not a date as YYYY-MM-DD.
    """
    words = names.words_of(name)
    try:
        born = date.fromisoformat(birth_date).isoformat()
    except ValueError as err:
        raise RefusedError("a birth date is YYYY-MM-DD") from err
    if not words:
        raise RefusedError("a name and a birth date are needed")
    same_day = [(row, traits) for row, traits in _opened(scope) if traits.birth_date == born]
    hits = [(row, traits) for row, traits in same_day if words <= _words(traits)]
    found = [_found(row, traits, same_day) for row, traits in hits]
    return sorted(found, key=lambda f: (-_ORDER.index(f.status), f.patient.created_ms))


def find_by_ins(scope: Scope, ins: Ins) -> list[Account]:
    """Patients of the scope under that number: more than one is a double, or an error."""
    rows = Identity.objects.filter(account__in=scope.patients(), ins_index=blind_index(ins.number, INS_INDEX))
    return [row.account for row in rows.select_related("account")]


def homonyms_of(scope: Scope, patient: Account) -> list[Account]:
    """Other patients of the scope with the same birth name, first given name and birth date."""
    opened = _opened(scope)
    mine = next((traits for row, traits in opened if row.account_id == patient.pk), None)
    if mine is None:
        return []
    return [row.account for row, traits in opened if row.account_id != patient.pk and _alike(mine, traits)]


_ORDER = ("provisoire", "validée", "récupérée", "qualifiée")


def _found(row: Identity, traits: Traits, same_day: list[tuple[Identity, Traits]]) -> Found:
    others = [t for other, t in same_day if other.pk != row.pk and _alike(traits, t)]
    return Found(
        patient=row.account, traits=traits, status=known_identity(row.account).status, homonym=bool(others),
        double=any(traits.same_person(other) for other in others),
    )  # fmt: skip


def _opened(scope: Scope) -> list[tuple[Identity, Traits]]:
    rows = Identity.objects.filter(account__in=scope.patients()).select_related("account")
    opened = []
    for row in rows:
        try:
            text = open_text(bytes(row.sealed_traits), traits_context(row.account_id))
            opened.append((row, Traits.from_facts(json.loads(text))))
        except (EgideError, ValueError):
            continue  # a damaged row is fsck's to say; the others are still found
    return opened


def _words(traits: Traits) -> frozenset[str]:
    return names.words_of(traits.birth_name, traits.given_names, traits.used_name, traits.used_given_name)


def _alike(one: Traits, other: Traits) -> bool:
    """Homonyms: one birth name, one birth date, and given names that begin alike (Anne, Anne-Lise)."""
    return one.birth_date == other.birth_date and _short(one) == _short(other)


def _short(traits: Traits) -> tuple[str, str]:
    return names.folded(traits.birth_name), names.folded(traits.given_names).split()[0]
