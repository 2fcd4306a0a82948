from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.federation"
    label = "federation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from egide.cloud.federation.sessions import follow_key
        from egide.cloud.signin.sessions import key_renewed

        key_renewed.connect(follow_key, dispatch_uid="egide.federation")
