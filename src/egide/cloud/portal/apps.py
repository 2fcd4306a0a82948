from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.portal"
    label = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from egide.cloud.portal.signing_keys import on_factors_ended
        from egide.cloud.signin.enrolment import factors_ended

        factors_ended.connect(on_factors_ended, dispatch_uid="egide.portal")
