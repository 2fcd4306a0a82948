"""Addresses of the pages of those who care and of those in charge."""

from __future__ import annotations

from django.urls import path

from egide.cloud.ward.views import offices, roster

app_name = "ward"
urlpatterns = [
    path("patients", roster.patients, name="patients"),
    path("patients/lines", roster.lines, name="lines"),
    path("office/security", offices.security_desk, name="security"),
    path("office/privacy", offices.privacy_desk, name="privacy"),
    path("office/people", offices.staff_desk, name="staff"),
    path("office/platform", offices.platform, name="platform"),
    path("office/proposals/<uuid:proposal_id>/approve", offices.approve, name="approve"),
    path("office/proposals/<uuid:proposal_id>/refuse", offices.refusal, name="refusal"),
    path("office/memberships/<uuid:membership_id>/end", offices.dismissal, name="dismissal"),
]
