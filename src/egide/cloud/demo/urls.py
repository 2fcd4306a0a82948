"""The demo's addresses."""

from __future__ import annotations

from django.urls import path

from egide.cloud.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.cast, name="cast"),
    path("be", views.be, name="be"),
]
