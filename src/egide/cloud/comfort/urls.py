"""Addresses of what is for everybody: wishes, accessibility, site map, and what a device may install."""

from __future__ import annotations

from django.urls import path

from egide.cloud.comfort.views import display, install, statement

app_name = "comfort"
urlpatterns = [
    path("settings/display", display.display, name="display"),
    path("settings/easy", display.easy, name="easy"),
    path("accessibility", statement.statement, name="statement"),
    path("site-map", statement.site_map, name="site-map"),
    path("manifest.webmanifest", install.manifest, name="manifest"),
    path("service-worker.js", install.worker, name="worker"),
    path("offline", install.offline, name="offline"),
]
