"""What people, and the software they let in, reach (port 8000)."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from egide.cloud.fhir.portability_view import take
from egide.cloud.fhir.urls import base as fhir

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("egide.cloud.portal.urls")),
    path("", include("egide.cloud.signin.urls")),
    path("", include("egide.cloud.ward.urls")),
    path("", include("egide.cloud.comfort.urls")),
    path("demo/", include("egide.cloud.demo.urls")),
    path("federation/", include("egide.cloud.federation.urls")),
    path("rights/take", take, name="rights-take"),
    path("rights/", include("egide.cloud.governance.urls")),
    path("", include("egide.cloud.smart.urls")),
    path("fhir", fhir, name="fhir-base"),
    path("fhir/", include("egide.cloud.fhir.urls")),
]
handler400 = "egide.cloud.portal.errors.bad_request"
handler403 = "egide.cloud.portal.errors.permission_denied"
handler404 = "egide.cloud.portal.errors.page_not_found"
handler500 = "egide.cloud.portal.errors.server_error"
