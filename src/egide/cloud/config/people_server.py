"""The people's listener: uvicorn, no access log (addresses are personal), says "ready" when it listens."""

from __future__ import annotations

import socket

import uvicorn

from egide.cloud.fleet.broker.child import require_free
from egide.cloud.options import Options

__all__ = ["serve_people"]


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print("ready", flush=True)


def serve_people(options: Options) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises ConfigError when the port is busy or not allowed."""
    require_free(options.listen, options.people_port)
    config = uvicorn.Config(
        "egide.cloud.config.asgi:application",
        host=options.listen,
        port=options.people_port,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
    )
    _Server(config).run()
