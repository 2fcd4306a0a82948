"""The platform's pages as a transport of httpx: the whole way through middleware and views, in this process."""

from __future__ import annotations

import httpx
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections


class InProcess(httpx.BaseTransport):
    """Requests run in this thread, inside the test's transaction: its connection is not let go in between."""

    def __init__(self) -> None:
        self._inner = httpx.WSGITransport(app=get_wsgi_application())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        signals = (request_started, request_finished)
        for signal in signals:
            signal.disconnect(close_old_connections)
        try:
            answer = self._inner.handle_request(request)
            answer.read()
        finally:
            for signal in signals:
                signal.connect(close_old_connections)
        return answer
