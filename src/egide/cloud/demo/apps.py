from django.apps import AppConfig


class Config(AppConfig):
    name = "egide.cloud.demo"
    label = "demo"
