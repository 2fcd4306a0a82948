"""What objects reach (port 8443)."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from egide.cloud.fleet import est, views
from egide.cloud.http import plain_error
from egide.cloud.register import views as register

urlpatterns: list[URLPattern | URLResolver] = [
    path(".well-known/est/cacerts", est.cacerts),
    path(".well-known/est/simpleenroll", est.simpleenroll),
    path(".well-known/est/simplereenroll", est.simplereenroll),
    path("intake", views.intake),
    path("time", views.server_time),
    path("object", views.itself),
    path("crl", views.crl),
    path("log/checkpoint", register.checkpoint),
    path("log/tile/<int:level>/<path:text>", register.tile),
    path("log/consistency", register.consistency),
    path("log/epochs", register.epochs),
]
handler400 = plain_error(400, "malformed: this request cannot be read\n")
handler403 = plain_error(403, "access-denied: not here\n")
handler404 = plain_error(404, "not-found: no such address\n")
handler500 = plain_error(500, "internal: the request could not be served\n")
