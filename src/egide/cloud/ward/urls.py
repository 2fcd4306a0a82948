"""Addresses of the pages of those who care and of those in charge."""

from __future__ import annotations

from django.urls import path

from egide.cloud.ward.views import roster

app_name = "ward"
urlpatterns = [
    path("patients", roster.patients, name="patients"),
    path("patients/lines", roster.lines, name="lines"),
]
