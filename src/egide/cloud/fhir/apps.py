"""The FHIR face."""

from __future__ import annotations

from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.fhir"
    label = "fhir"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from egide.cloud.fhir.served import register

        register()
