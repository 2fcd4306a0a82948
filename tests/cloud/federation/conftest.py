"""Providers in the settings, people who have accounts, and a browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from egide.cloud.federation import directory, links
from egide.cloud.federation.providers import provider_named
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.people.service import create_account
from egide.cloud.signin import clock
from tests.cloud.federation.harm import identity
from tests.support.hostile_openid import Hostile, running_hostile
from tests.support.ward import Ward

Connect = Callable[..., Any]

SECRET = "a client secret that only tests know, 0123456789"
#: The national identifier of an invented professional: 8, then an RPPS number whose last digit is Luhn's.
RPPS = "99700218896"
PROFESSIONAL: dict[str, Any] = {
    "SubjectNameID": f"8{RPPS}",
    "family_name": "DURAND",
    "given_name": "Bob",
    "SubjectRefPro": {
        "codeCivilite": "M",
        "exercices": [
            {
                "codeProfession": "10",
                "codeCategorieProfessionnelle": "C",
                "nomDexercice": "DURAND",
                "activities": [
                    {"codeModeExercice": "S", "codeSecteurDactivite": "SA01"},
                    {"codeModeExercice": "L", "codeSecteurDactivite": "SA07"},
                ],
            }
        ],
    },
}
PIVOT: dict[str, Any] = {
    "given_name": "Alice Ninon",
    "family_name": "MOREAU",
    "birthdate": "1961-08-24",
    "gender": "female",
    "birthplace": "75107",
    "birthcountry": "99100",
}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """No test knows what another was told."""
    directory.forget()
    yield
    directory.forget()


@pytest.fixture(scope="session")
def decrypt_keys() -> dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]:
    return {
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
    }


def with_provider(options: Options, folder: Path, issuer: str, key: str, *, pem: bytes = b"") -> Options:
    """Settings and a keys folder in which `key` is a provider, beside what was there."""
    for old in options.keys.iterdir():
        if not (folder / old.name).exists():
            (folder / old.name).symlink_to(old)
    for name, data in ((f"{key}-client.key", SECRET.encode()), (f"{key}-decrypt.pem", pem)):
        if data:
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o600)
    given: dict[str, Any] = {f"{key}_issuer": issuer, f"{key}_client": f"egide-{key}"}
    return dataclasses.replace(options, keys=folder, **given)


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Any]:
    """`connect(issuer, key)` puts a provider into the settings until the test ends."""
    before = settings.OPTIONS

    def add(issuer: str, key: str, pem: bytes = b"", **more: Any) -> Options:
        changed = with_provider(settings.OPTIONS, tmp_path, issuer, key, pem=pem)
        settings.OPTIONS = changed = dataclasses.replace(changed, **more)
        return changed

    yield add
    settings.OPTIONS = before


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with running_hostile() as running:
        yield running


@pytest.fixture
def bob(ward: Ward, hostile: Hostile, connect: Connect) -> Account:
    """A professional whose identity `bob` at this provider is linked."""
    account = create_account("professional", "Dr Bob Durand", ward.start_ms)
    options = connect(hostile.issuer, "psc")
    hostile.claims = {"sub": "bob", "aud": "egide-psc"}
    hostile.userinfo = {"sub": "bob", **PROFESSIONAL}
    links.link(account, provider_named(options, "psc"), identity(hostile), now_ms=clock.now_ms())
    return account
