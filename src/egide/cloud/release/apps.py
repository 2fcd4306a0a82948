from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.release"
    label = "release"
    default_auto_field = "django.db.models.BigAutoField"
