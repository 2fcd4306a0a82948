"""FHIR's addresses: those that others name, then every one that the registry has (views.nowhere)."""

from __future__ import annotations

from django.urls import path, re_path

from egide.cloud.fhir import views
from egide.cloud.fhir.writing.views import bundle, by_method, create

app_name = "fhir"
#: Also at the address without its last slash: FHIR's base has none.
base = by_method(GET=views.nowhere, POST=bundle)
urlpatterns = [
    path("", base, name="base"),
    path("metadata", views.metadata, name="metadata"),
    path("Observation", by_method(GET=views.search, POST=create), name="search"),
    re_path(
        r"^Observation/(?P<key>[A-Za-z0-9-][A-Za-z0-9.-]{0,63})$", by_method(GET=views.observation), name="observation"
    ),
    path("Device/<uuid:object_id>", views.read_device, name="device"),
    path("Provenance/<int:entry>", views.read_provenance, name="provenance"),
    re_path("", views.nowhere, name="nowhere"),
]
