from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.signin"
    label = "signin"
    default_auto_field = "django.db.models.BigAutoField"
