from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.fleet"
    label = "fleet"
    default_auto_field = "django.db.models.BigAutoField"
