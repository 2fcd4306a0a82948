"""A provider is in force when its issuer and client are set and its secret is a file that nobody else reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from egide.cloud.federation.providers import KINDS, Assurance, provider_named, providers
from egide.cloud.options import Options
from egide.errors import ConfigError, KeyMissingError, NotFoundError
from tests.cloud.federation.conftest import SECRET


def options(folder: Path) -> Options:
    return dataclasses.replace(Options(), keys=folder, psc_issuer="https://psc.example", psc_client="egide")


def test_no_provider_is_in_force_by_default() -> None:
    """Nor with half of the settings."""
    assert providers(Options()) == ()
    for key in KINDS:
        with pytest.raises(NotFoundError):
            provider_named(Options(), key)
    half = dataclasses.replace(Options(), psc_issuer="https://psc.example")
    assert providers(half) == ()


def test_the_secret_is_a_file_of_mode_0600(tmp_path: Path) -> None:
    """Missing, readable by others, empty or not text: the provider is not in force."""
    with pytest.raises(KeyMissingError):
        provider_named(options(tmp_path), "psc")
    file = tmp_path / "psc-client.key"
    for data, mode, error in (
        (SECRET.encode(), 0o644, KeyMissingError), (b"short", 0o600, ConfigError), (b"\xff" * 32, 0o600, ConfigError),
    ):  # fmt: skip
        file.write_bytes(data)
        file.chmod(mode)
        with pytest.raises(error):
            provider_named(options(tmp_path), "psc")
    file.write_text(SECRET + "\n")
    found = provider_named(options(tmp_path), "psc")
    assert found.secret == SECRET
    assert SECRET not in repr(found)
    assert found.decrypt_pem is None


def test_addresses_come_from_the_settings_and_not_from_a_request(tmp_path: Path) -> None:
    """What the provider is told is the platform's own name; its configuration may lie elsewhere."""
    file = tmp_path / "psc-client.key"
    file.write_text(SECRET)
    file.chmod(0o600)
    found = provider_named(options(tmp_path), "psc")
    assert found.discovery == "https://psc.example/.well-known/openid-configuration"
    assert found.redirect_uri == "http://localhost:8000/federation/psc/callback"
    assert found.plain_loopback
    assert found.least is Assurance.LOW
    behind = dataclasses.replace(
        options(tmp_path), people_https=True, public_host="egide.example", psc_discovery="https://psc.example/wallet"
    )
    found = provider_named(behind, "psc")
    assert found.discovery == "https://psc.example/wallet"
    assert found.redirect_uri == "https://egide.example/federation/psc/callback"
    assert not found.plain_loopback
