"""For machines: alive, ready, and how much. No personal data."""

from __future__ import annotations

import ipaddress

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from egide.cloud.portal import live
from egide.cloud.register.store import current_log
from egide.errors import AccessDeniedError, EgideError, UnavailableError

__all__ = ["healthz", "metrics", "readyz"]

_TEXT = "text/plain; charset=utf-8"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """This process answers."""
    return HttpResponse("ok\n", content_type=_TEXT)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The database answers and the register is open."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        current_log()
    except (DatabaseError, EgideError):
        return HttpResponse(f"{UnavailableError.code}\n", status=503, content_type=_TEXT)
    return HttpResponse("ready\n", content_type=_TEXT)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, to this machine only. Raises AccessDeniedError to the others."""
    _require_loopback(request)
    log = current_log()
    lines = [
        "# HELP egide_register_size Entries in the register in force.",
        "# TYPE egide_register_size gauge",
        f'egide_register_size{{log="{log.origin}"}} {log.size}',
        "# HELP egide_envelopes_stored Envelopes stored.",
        "# TYPE egide_envelopes_stored gauge",
        f"egide_envelopes_stored {live.stored()}",
        "# HELP egide_envelopes_refused Refused envelopes kept in quarantine, by code.",
        "# TYPE egide_envelopes_refused gauge",
    ]
    lines += [f'egide_envelopes_refused{{code="{code}"}} {n}' for code, n in live.refused_by_code().items()]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _require_loopback(request: HttpRequest) -> None:
    """A request that a proxy passed on comes from elsewhere, whatever the last step was."""
    try:
        near = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        near = False
    if not near or {"X-Forwarded-For", "Forwarded", "X-Real-IP"} & set(request.headers):
        raise AccessDeniedError("metrics are for this machine only")
