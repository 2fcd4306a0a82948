from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.vault"
    label = "vault"
    default_auto_field = "django.db.models.BigAutoField"
