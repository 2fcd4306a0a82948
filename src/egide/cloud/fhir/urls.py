"""FHIR's addresses."""

from __future__ import annotations

from django.urls import path, re_path

from egide.cloud.fhir import views

app_name = "fhir"
urlpatterns = [
    path("metadata", views.metadata, name="metadata"),
    path("Observation", views.search, name="search"),
    re_path(r"^Observation/(?P<key>[A-Za-z0-9.-]{1,64})$", views.observation, name="observation"),
    path("Device/<uuid:object_id>", views.read_device, name="device"),
    path("Provenance/<int:entry>", views.read_provenance, name="provenance"),
    re_path("", views.nowhere, name="nowhere"),
]
