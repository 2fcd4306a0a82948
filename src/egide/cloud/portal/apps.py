from typing import Any

from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.portal"
    label = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from egide.cloud.signin.enrolment import factors_ended

        factors_ended.connect(_on_factors_ended, dispatch_uid="egide.portal")


def _on_factors_ended(**said: Any) -> None:
    """Loaded when it happens: signing is slow to load, and few commands sign."""
    from egide.cloud.portal.signing_keys import on_factors_ended

    on_factors_ended(**said)
