"""A platform with its own keys and an open register, and requests as an object makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from egide.cloud.config.initialise import make_keys
from egide.cloud.fleet import ca, est, tries, views
from egide.cloud.fleet.models import HealthObject
from egide.cloud.fleet.service import create_object
from egide.cloud.keys import provider
from egide.cloud.options import Options
from egide.cloud.register import platform
from egide.cloud.register.epochs import open_log

NOW = 1_800_000_000_000
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def _forget() -> None:
    for cached in (
        ca.authority, ca.issuing_certificate, ca.root_certificate, tries._key,
        provider.provider, platform.platform, platform.log_signer,
    ):  # fmt: skip
        cached.cache_clear()


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """A keys folder as `egide up` makes it, once for all the tests here."""
    options = replace(django_settings.OPTIONS, keys=Path(tmp_path_factory.mktemp("keys")))
    make_keys(options, now_ms=NOW)
    return options


@pytest.fixture
def opened(db: None, made_keys: Options, settings: Settings) -> Iterator[Options]:
    """An open register on an empty database."""
    settings.OPTIONS = made_keys
    _forget()
    open_log(platform.log_signer(1).public_key, now_ms=NOW)
    yield made_keys
    _forget()


@pytest.fixture
def meter(opened: Options) -> HealthObject:
    """A glucose meter that has not enrolled yet."""
    return create_object("Glucometer G7", 4, NOW)


def make_request(key: Key, *, name: str | None = None, uri: str | None = None) -> bytes:
    """A PKCS#10 request in DER."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if uri:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        builder = builder.add_extension(names, critical=False)
    algorithm = hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def new_key(kind: str = "p256") -> Key:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def request_for() -> Callable[..., bytes]:
    return make_request


class Peer:
    """A TLS socket, as far as a view looks: the certificate that the handshake proved."""

    def __init__(self, certificate: bytes | None) -> None:
        self._certificate = certificate

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        assert binary_form
        return self._certificate


@pytest.fixture
def listener(
    opened: Options, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., HttpResponse]:
    """Ask the objects' listener, in-process: (method, path, body, certificate=DER, ...) -> response."""
    settings.ROOT_URLCONF = "egide.cloud.config.urls_objects"
    settings.MIDDLEWARE = []
    for module in (est, views):
        monkeypatch.setattr(module, "now_ms", lambda: NOW)
    monkeypatch.setattr(views, "time", SimpleNamespace(monotonic=lambda: 1_000.0))
    views._crl.cache_clear()
    views._limiter.cache_clear()
    client = Client(raise_request_exception=False)

    def ask(
        method: str,
        path: str,
        body: bytes = b"",
        *,
        certificate: bytes | None = None,
        source: str = "192.0.2.1",
        content_type: str = "application/octet-stream",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> HttpResponse:
        environment = {"gunicorn.socket": Peer(certificate), "REMOTE_ADDR": source, **more}
        response: HttpResponse = client.generic(
            method, path, body, content_type, headers=headers, **environment
        )  # type: ignore[assignment]  # the stubs call it a WSGI response of their own
        return response

    return ask
