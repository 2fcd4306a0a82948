"""The names of a patient's journal: people's own, or the service's where an exception was accepted."""

from __future__ import annotations

import uuid

from django.utils.translation import gettext as _

from egide.cloud.people.models import Account
from egide.cloud.people.service import name_of
from egide.cloud.portal.elision import in_french
from egide.cloud.release.withheld import in_force

__all__ = ["names_for"]


def names_for(patient: uuid.UUID, ids: set[str], *, now_ms: int) -> dict[str, str]:
    """Account id to what the patient reads, for those that still exist."""
    hidden = in_force(patient, now_ms=now_ms)
    names = {str(account.pk): name_of(account) for account in Account.objects.filter(pk__in=ids)}
    return names | {
        key: in_french(_("somebody of %(place)s") % {"place": place}) if place else _("somebody of the service")
        for key, place in hidden.items()
        if key in names
    }
