from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.consent"
    label = "consent"
    default_auto_field = "django.db.models.BigAutoField"
