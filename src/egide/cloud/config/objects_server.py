"""The objects' listener: gunicorn, threads, TLS 1.3, a client certificate when the object has one.

A certificate is optional, for EST, the time and an expired object's outbox need none; one that is shown must
chain to our CA and be in force, or the handshake fails: an expired object comes back without. No ticket
resumes a session, so a certificate is checked at each connection. A request has 30 s, whatever it sends.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from gunicorn.app.base import BaseApplication

from egide.cloud.config.objects_worker import THREADS, ObjectsWorker
from egide.cloud.config.sockets import listening_socket
from egide.cloud.options import Options
from egide.errors import ConfigError

__all__ = ["ObjectsServer", "serve_objects", "tls_context"]

_URLS: Final = "egide.cloud.config.urls_objects"


def tls_context(options: Options) -> ssl.SSLContext:
    """TLS 1.3 or nothing; a client's certificate is asked for and, when shown, checked against our CA.

    Raises:
        KeyMissingError: a file of the keys folder is missing or readable by others.
        ConfigError: it is unusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    try:
        context.load_cert_chain(options.key_file("tls.pem"), options.key_file("tls.key"))
        trusted = options.read_key("ca-root.pem") + b"\n" + options.read_key("ca-issuing.pem")
        context.load_verify_locations(cadata=trusted.decode())
        if len(context.get_ca_certs()) != 2:
            raise ValueError("the CA's two certificates are not both there")
    except (OSError, ValueError) as err:
        raise ConfigError("the server's certificate, its key or the CA cannot be used") from err
    return context


class ObjectsServer(BaseApplication):  # type: ignore[misc]  # gunicorn is not typed
    """gunicorn, set by us alone: no file, no environment, no command line changes it."""

    def __init__(self, options: Options, listener: socket.socket, context: ssl.SSLContext) -> None:
        self._options = options
        self._listener = listener
        self._context = context
        super().__init__()

    def load_config(self) -> None:
        context = self._context
        for name, value in {
            "bind": f"fd://{self._listener.fileno()}",
            "workers": 1,
            "worker_class": ObjectsWorker,
            "threads": THREADS,
            "worker_connections": 900,  # under the usual limit of 1,024 open files
            "keepalive": 15,
            "timeout": 60,
            "graceful_timeout": 10,
            "limit_request_line": 2_048,
            "limit_request_fields": 32,
            "limit_request_field_size": 4_096,
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "header_map": "refuse",
            "control_socket_disable": True,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "error",  # a warning would name an address
            "certfile": str(self._options.keys / "tls.pem"),
            "keyfile": str(self._options.keys / "tls.key"),
            "ssl_context": lambda _config, _default: context,
            "post_worker_init": _say_ready,
            "worker_exit": _close_relay,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """The views of objects and nothing else: no session, no cookie, no form, none of their machinery."""
        from django.conf import settings
        from django.core.wsgi import get_wsgi_application

        settings.ROOT_URLCONF = _URLS
        settings.MIDDLEWARE = []
        keep_connections(settings.DATABASES["default"])
        application: Callable[..., Any] = get_wsgi_application()
        logging.getLogger("django.request").setLevel(logging.CRITICAL)  # our views say what is worth saying
        return application


def keep_connections(database: dict[str, Any]) -> None:
    """This listener's threads last, and so may their connections to a server: a minute, looked at before each use."""
    if database["ENGINE"] == "django.db.backends.postgresql":
        database["CONN_MAX_AGE"] = 60


def _close_relay(_arbiter: object, _worker: object) -> None:
    from egide.cloud.fleet.relay import relay

    if relay.cache_info().currsize:
        relay().close()


def _say_ready(_worker: object) -> None:
    print("ready", flush=True)


def serve_objects(options: Options) -> None:
    """Serve until SIGTERM; say "ready" on the output once it listens. Ends the process.

    Raises:
        ConfigError, KeyMissingError: the port, the certificate or a key cannot be used.
    """
    context = tls_context(options)
    ObjectsServer(options, listening_socket(options.listen, options.objects_port), context).run()
