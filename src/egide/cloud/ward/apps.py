from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.ward"
    label = "ward"
    default_auto_field = "django.db.models.BigAutoField"
