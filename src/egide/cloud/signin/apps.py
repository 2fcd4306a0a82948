from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class Config(AppConfig):
    name = "egide.cloud.signin"
    label = "signin"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from egide.cloud.signin.sessions import on_login

        user_logged_in.connect(on_login, dispatch_uid="egide.signin")
