"""A store from before establishments: its patients are registered at the one that runs the platform."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.models import Establishment, Registration
from egide.cloud.people.service import create_account
from tests.cloud.people.conftest import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kek")]
register = import_module("egide.cloud.people.migrations.0003_register_patients").register


def test_patients_are_registered_once_since_they_were_made() -> None:
    """Twice changes nothing; professionals are not registered."""
    alice, bob = (create_account("patient", name, NOW + n) for n, name in enumerate(("Alice", "Bob")))
    create_account("professional", "Nora", NOW)
    Registration.objects.all().delete()
    Establishment.objects.all().delete()
    for _ in range(2):
        register(apps, None)
    rows = Registration.objects.order_by("since_ms").values_list("patient", "establishment", "since_ms", "until_ms")
    assert list(rows) == [(alice.pk, ESTABLISHMENT, NOW, None), (bob.pk, ESTABLISHMENT, NOW + 1, None)]


def test_an_empty_store_stays_empty() -> None:
    """So that a backup can be restored into it."""
    register(apps, None)
    assert not Establishment.objects.exists()
