"""Whom one shares with: people, places, teams; how they are called, which are offered, and who a typed name is."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext as _

from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import ACCOUNT, APP, ESTABLISHMENT, EVERYONE, TEAM, Facts, Holder, runs
from egide.cloud.consent.grants import require_sector
from egide.cloud.consent.models import Ground
from egide.cloud.consent.rules import FORBIDDEN_SECTORS
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.service import find_by_name, name_of
from egide.cloud.portal.elision import in_french
from egide.cloud.smart.registry import app_named
from egide.errors import EgideError, NotFoundError, SealError

__all__ = [
    "account_holder", "easy_members", "find_holder", "holder_hint", "holder_name", "known_holders", "members_words",
    "offered_holders",
]  # fmt: skip


def members_words(holder: Holder) -> list[str]:
    """Who is meant, where a holder is not one person."""
    if holder.kind == ESTABLISHMENT:
        return [_("This means the care professionals who work there when they look, and nobody who has left.")]
    if holder.kind == TEAM:
        return [_("This means those who are in that team when they look, and nobody who has left.")]
    return []


def easy_members(holder: Holder) -> list[str]:
    """The same in easy words."""
    if holder.kind == ESTABLISHMENT:
        return [_("The carers who work there can see."), _("A carer who has left cannot see.")]
    if holder.kind == TEAM:
        return [_("Those who are in the team can see."), _("Somebody who has left the team cannot see.")]
    return []


def account_holder(account_id: str) -> Holder:
    """A person, by their account's id."""
    return Holder(kind=ACCOUNT, id=account_id)


def holder_name(holder: Holder) -> str:
    """To whom: a name, or what is known of it."""
    if holder.kind == EVERYONE:
        return _("everybody")
    if holder.kind == APP:
        app = app_named(holder.id)
        return app.name if app is not None else _("an app")
    if holder.kind == TEAM:
        return _team_name(holder.id)
    try:
        row_id = uuid.UUID(holder.id)
        if holder.kind == ESTABLISHMENT:
            return Establishment.objects.get(pk=row_id).name or _("the service that runs this site")
        return name_of(Account.objects.get(pk=row_id))
    except (ValueError, Account.DoesNotExist, Establishment.DoesNotExist, EgideError):
        return _("a closed account")


def _team_name(follow_up: str) -> str:
    """By its responsible doctor, as signed. The row only says in whose record to look."""
    row = Ground.objects.filter(pk=uuid.UUID(follow_up), kind=Ground.Kind.CARE).first()
    care = next((c for c in facts_of(row.patient_id).care if c.id == follow_up), None) if row else None
    if care is None:
        return _("a care team that is no more")
    return in_french(_("the care team of %(who)s") % {"who": holder_name(account_holder(care.responsible))})


def offered_holders(patient: Account, facts: Facts, *, now_ms: int) -> list[Holder]:
    """Whom the page offers: those known already, the teams that follow the patient, the places that know them."""
    teams = [Holder(kind=TEAM, id=c.id) for c in facts.care if runs(c, now_ms) and c.agreed is not False]
    ids = {uuid.UUID(g.holder.id) for g in facts.grants if g.holder.kind == ESTABLISHMENT}
    here = Q(registrations__patient=patient, registrations__until_ms=None) | Q(pk__in=ids)
    places = Establishment.objects.filter(here).exclude(kind__in=FORBIDDEN_SECTORS).distinct().order_by("created_ms")
    return [*known_holders(patient, facts), *teams, *(Holder(kind=ESTABLISHMENT, id=str(p.pk)) for p in places)]


def holder_hint(holder: Holder) -> str:
    """Who is meant, beside a name that is not one person's."""
    return next(iter(members_words(holder)), "")


def known_holders(patient: Account, facts: Facts) -> list[Holder]:
    """Whom the patient has shared with, or is represented by: each once, the latest first."""
    ids = [g.holder for g in reversed(facts.grants)]
    ids += [Holder(kind=ACCOUNT, id=r.representative) for r in reversed(facts.representations)]
    there = {str(pk) for pk in Account.objects.filter(pk__in=_uuids(ids), is_active=True).values_list("pk", flat=True)}
    kept = [h for h in ids if h.kind == ACCOUNT and h.id in there and h.id != str(patient.pk)]
    return list(dict.fromkeys(kept))


def _place_named(typed: str) -> Establishment | None:
    """The establishment of exactly that name, letter case aside: names are sealed, so each is opened."""
    for place in Establishment.objects.exclude(sealed_name=b""):
        with contextlib.suppress(SealError):
            if typed and place.name.casefold() == typed.casefold():
                return place
    return None


def _uuids(holders: Iterable[Holder]) -> list[uuid.UUID]:
    found = []
    for holder in holders:
        try:
            found.append(uuid.UUID(holder.id))
        except ValueError:
            continue
    return found


def find_holder(text: str, patient: Account) -> Holder:
    """Whom a patient named: a professional or an establishment by name, anybody by the code that they gave.

    Relatives and patients are never found by name: nobody learns in this way who has an account.

    Raises:
        NotFoundError: nobody. AmbiguousNameError: several professionals have that name.
        ForbiddenUseError: an insurer, an employer, a bank.
    """
    typed = " ".join(text.split())[:120]
    code = typed.replace(" ", "").lower()
    found = Account.objects.filter(username=code, is_active=True).exclude(role=Account.Role.OPERATOR).first()
    if found is None and (place := _place_named(typed)):
        require_sector(place)
        return Holder(kind=ESTABLISHMENT, id=str(place.pk))
    if found is None:
        found = find_by_name(typed) if typed else None
        if found is None or found.role != Account.Role.PROFESSIONAL or not found.is_active:
            raise NotFoundError("nobody answers to that name or code")
    if found.pk == patient.pk:
        raise NotFoundError("that is the patient")
    return Holder(kind=ACCOUNT, id=str(found.pk))
