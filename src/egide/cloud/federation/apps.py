from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.federation"
    label = "federation"
    default_auto_field = "django.db.models.BigAutoField"
