from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.comfort"
    label = "comfort"
    default_auto_field = "django.db.models.BigAutoField"
