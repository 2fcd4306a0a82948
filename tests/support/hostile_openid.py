"""A provider that means harm: it answers what a test tells it to, signed with keys of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

__all__ = ["Hostile", "Said", "running_hostile"]

#: status, headers, body
Said = tuple[int, dict[str, str], bytes]


@dataclass(slots=True)
class Hostile:
    """`answers` replaces what a path says; `asked` is every path that was asked for, with its form."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048))
    nonce: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Callable[[], Said]] = field(default_factory=dict)
    trickle: str = ""
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    def say(self, path: str) -> Said:
        if path in self.answers:
            return self.answers[path]()
        found: dict[str, Any] = {
            "/.well-known/openid-configuration": self.metadata(),
            "/keys": {"keys": [{**self.key.as_dict(private=False), "kid": "k", "use": "sig"}]},
            "/token": {"access_token": "an-access-token", "token_type": "Bearer", "id_token": self.id_token()},
            "/userinfo": self.userinfo,
        }.get(path, {})
        return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": True,
            **self.configuration,
        }

    def id_token(self) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "iat": now, "exp": now + 60, "acr": "eidas1", "auth_time": now}
        claims |= {"nonce": self.nonce, **self.claims}
        return jws.serialize_compact({"alg": "RS256", "kid": "k"}, json.dumps(claims), self.key)


@contextmanager
def running_hostile() -> Iterator[Hostile]:
    """It listens on this machine until the block ends."""
    hostile = Hostile()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def answer(self, form: bytes) -> None:
            path = urlsplit(self.path).path
            hostile.asked.append((path, parse_qs(form.decode())))
            if hostile.trickle == f"headers {path}":
                self.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200)
                return
            status, headers, body = hostile.say(path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if hostile.trickle == f"body {path}":
                self.drip(body)
            else:
                self.wfile.write(body)

        def drip(self, data: bytes) -> None:
            for byte in data:
                try:
                    self.wfile.write(bytes((byte,)))
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.02)

        def handle(self) -> None:
            with suppress(OSError):  # we hung up on it
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    hostile.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hostile
    finally:
        server.shutdown()
        server.server_close()
