"""The providers that people may sign in by: those with an issuer and a client in the settings, none by default.

Their secrets are files of the keys folder, mode 0600: `NAME-client.key` (the client secret) and, when the provider
encrypts what it says to us, `NAME-decrypt.pem` (our private key).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from egide.cloud.options import Options
from egide.errors import ConfigError, NotFoundError

__all__ = ["KINDS", "Assurance", "Kind", "Provider", "provider_named", "providers"]


class Assurance(IntEnum):
    """How sure a provider is of who signs in: eIDAS' levels. UNKNOWN: it does not say, or not in words we know."""

    UNKNOWN = 0
    LOW = 1
    SUBSTANTIAL = 2
    HIGH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is the same wherever a provider of this kind is connected.

    roles: accounts it may open, none meaning all. signed: userinfo must be a signed token. fresh: the provider can be
    asked for a sign-in that is new (max_age).
    """

    name: str
    scopes: str
    roles: frozenset[str] = frozenset()
    levels: dict[str, Assurance] = field(default_factory=dict)
    signed: bool = False
    fresh: bool = True


_EIDAS: Final = {"eidas1": Assurance.LOW, "eidas2": Assurance.SUBSTANTIAL, "eidas3": Assurance.HIGH}
KINDS: Final = {
    "psc": Kind(name="Pro Santé Connect", scopes="openid scope_all", roles=frozenset({"professional"}), levels=_EIDAS),
    "franceconnect": Kind(
        name="FranceConnect",
        scopes="openid given_name family_name birthdate gender birthplace birthcountry",
        roles=frozenset({"patient", "relative"}),
        levels=_EIDAS,
        signed=True,
        fresh=False,
    ),
    "sso": Kind(name="OpenID Connect", scopes="openid"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider that is in force. `plain_loopback`: http to this machine is let, as the platform itself does."""

    key: str
    kind: Kind
    issuer: str
    discovery: str
    client_id: str
    acr: tuple[str, ...]
    redirect_uri: str
    home: str
    plain_loopback: bool
    secret: str = field(repr=False)
    decrypt_pem: bytes | None = field(default=None, repr=False)

    @property
    def least(self) -> Assurance:
        """The lowest level among those that are asked for."""
        return min((self.kind.levels.get(acr, Assurance.UNKNOWN) for acr in self.acr), default=Assurance.UNKNOWN)


def providers(options: Options) -> tuple[str, ...]:
    """The keys of the providers that the settings name."""
    return tuple(key for key in KINDS if getattr(options, f"{key}_issuer") and getattr(options, f"{key}_client"))


def provider_named(options: Options, key: str) -> Provider:
    """The provider of that key.

    Raises:
        NotFoundError: the settings name none. KeyMissingError, ConfigError: its secret cannot be read.
    """
    if key not in providers(options):
        raise NotFoundError("no such provider")
    issuer = getattr(options, f"{key}_issuer")
    home = options.people_address()
    return Provider(
        key=key,
        kind=KINDS[key],
        issuer=issuer,
        discovery=getattr(options, f"{key}_discovery") or f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_id=getattr(options, f"{key}_client"),
        acr=getattr(options, f"{key}_acr"),
        redirect_uri=f"{home}/federation/{key}/callback",
        home=home,
        plain_loopback=not options.people_https,
        secret=_secret(options, key),
        decrypt_pem=_decrypt(options, key),
    )


def _secret(options: Options, key: str) -> str:
    try:
        text = options.read_key(f"{key}-client.key").decode("ascii").strip()
    except UnicodeDecodeError as err:
        raise ConfigError("a provider's client key is not text") from err
    if len(text) < 16:
        raise ConfigError("a provider's client key is empty or too short")
    return text


def _decrypt(options: Options, key: str) -> bytes | None:
    name = f"{key}-decrypt.pem"
    return options.read_key(name) if (options.keys / name).exists() else None
