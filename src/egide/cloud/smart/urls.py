"""Addresses of the authorization server, under the FHIR base, and of the pages about apps."""

from __future__ import annotations

from django.urls import path

from egide.cloud.smart.views import authorize, endpoints, mine, registry

app_name = "smart"
urlpatterns = [
    path("fhir/.well-known/smart-configuration", endpoints.configuration, name="configuration"),
    path("fhir/auth/authorize", authorize.authorize, name="authorize"),
    path("fhir/auth/token", endpoints.token, name="token"),
    path("fhir/auth/introspect", endpoints.introspect, name="introspect"),
    path("fhir/auth/revoke", endpoints.revoke, name="revoke"),
    path("apps", mine.mine, name="mine"),
    path("apps/<uuid:app_id>/stop", mine.stopping, name="stop"),
    path("apps/open/<uuid:patient_id>", mine.opening, name="open"),
    path("apps/registry", registry.desk, name="registry"),
    path("apps/registry/new", registry.registering, name="register"),
    path("apps/registry/<uuid:app_id>", registry.one, name="app"),
    path("apps/registry/<uuid:app_id>/approve", registry.approval, name="approve"),
    path("apps/registry/<uuid:app_id>/refuse", registry.refusal, name="refuse"),
    path("apps/registry/<uuid:app_id>/end", registry.ending, name="end"),
]
