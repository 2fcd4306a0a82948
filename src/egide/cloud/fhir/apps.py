from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.fhir"
    label = "fhir"
    default_auto_field = "django.db.models.BigAutoField"
