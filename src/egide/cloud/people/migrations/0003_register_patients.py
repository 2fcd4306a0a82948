"""Patients who were there before establishments were: registered at the one that runs the platform."""

import uuid
from typing import Any

from django.db import migrations

HOME = uuid.UUID("00000000-0000-4000-8000-000000000001")


def register(apps: Any, schema_editor: Any) -> None:
    Account, Registration = (apps.get_model("people", name) for name in ("Account", "Registration"))
    patients = Account.objects.filter(role="patient", registrations=None)
    if not patients.exists():
        return
    since = patients.order_by("created_ms").first().created_ms
    home, _ = apps.get_model("people", "Establishment").objects.get_or_create(id=HOME, defaults={"created_ms": since})
    Registration.objects.bulk_create(
        Registration(patient=patient, establishment=home, since_ms=patient.created_ms) for patient in patients
    )


class Migration(migrations.Migration):
    dependencies = [("people", "0002_establishments_and_identity")]

    operations = [migrations.RunPython(register, migrations.RunPython.noop, elidable=False)]
