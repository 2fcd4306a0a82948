from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.comfort"
    label = "comfort"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What somebody wished of the pages goes when their record does."""
        from egide.cloud.comfort.wishes import drop
        from egide.cloud.governance.erasure import ALONG

        if drop not in ALONG:
            ALONG.append(drop)
