"""Every setting of the platform, one frozen `Options`: the environment, then `<data>/egide.toml`, then defaults.

Secrets are never settings: they are files of the keys folder, mode 0600.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import stat
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from egide.errors import ConfigError, KeyMissingError

__all__ = ["Options", "PlainHttpError", "load"]


def _home(kind: str) -> Path:
    base = os.environ.get(f"XDG_{kind}_HOME")
    return Path(base) if base else Path.home() / (".local/share" if kind == "DATA" else ".config")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """(name, default, help): the environment name is EGIDE_ and the name in capitals."""

    data: Path = field(
        default_factory=lambda: _home("DATA") / "egide", metadata={"help": "folder of everything that is kept"}
    )
    keys: Path = field(
        default_factory=lambda: _home("CONFIG") / "egide" / "keys",
        metadata={"help": "folder of keys, outside the data folder, mode 0700"},
    )
    database_url: str = field(
        default="", metadata={"help": "postgresql://user@host/name (password from a pgpass file); empty: SQLite"}
    )
    listen: str = field(default="127.0.0.1", metadata={"help": "address the listeners bind"})
    public_host: str = field(
        default="localhost", metadata={"help": "name that objects reach, in the server's certificate"}
    )
    people_port: int = field(default=8000, metadata={"help": "port for people"})
    people_processes: int = field(
        default_factory=lambda: min(4, os.cpu_count() or 1), metadata={"help": "processes that answer people"}
    )
    objects_port: int = field(default=8443, metadata={"help": "port for objects (HTTPS: EST, intake)"})
    mqtt_port: int = field(default=8883, metadata={"help": "port for objects (MQTT over mutual TLS)"})
    broker_port: int = field(default=4222, metadata={"help": "loopback port of the broker, for the platform itself"})
    people_https: bool = field(default=False, metadata={"help": "people reach us through HTTPS (cookies say Secure)"})
    people_proxy: bool = field(
        default=False,
        metadata={"help": "believe X-Forwarded-Proto: only behind a front that always sets it itself"},
    )
    hosts: tuple[str, ...] = field(
        default=("localhost", "127.0.0.1", "[::1]"), metadata={"help": "names that requests may carry, comma-separated"}
    )
    broker_bytes: int = field(
        default=2 * 1024**3,
        metadata={"help": "bytes of envelopes the broker keeps for intake; when full, objects keep theirs"},
    )
    broker_sync: str = field(
        default="1s",
        metadata={
            "help": "when the broker flushes to disk: always, or every 200ms, 1s... (receipts do not rest on it)"
        },
    )
    nats_server: str = field(
        default="", metadata={"help": "path to a nats-server of one's own; empty: the packaged one"}
    )
    certificate_days: int = field(default=90, metadata={"help": "life of an object's certificate"})
    demo: bool = field(
        default=False,
        metadata={"help": "invented people, whom anybody at this machine may be: set by `egide demo`, for a new store"},
    )
    intake_rate: int = field(default=120, metadata={"help": "HTTPS envelopes a minute and object"})
    shared_idle_s: int = field(
        default=300, metadata={"help": "seconds without a touch after which a session on a shared workstation locks"}
    )
    # messages outside (messages/outward.py); the secrets are files of the keys folder
    messages_address: str = field(
        default="", metadata={"help": "the portal's address as messages name it, https://...; empty: none leaves"}
    )
    messages_smtp: str = field(
        default="", metadata={"help": "smtp://user@host:587 (STARTTLS, or nothing) or smtps://...; empty: no e-mail"}
    )
    messages_from: str = field(default="", metadata={"help": "the address that e-mails come from, with no name"})
    messages_sms: str = field(default="", metadata={"help": "https address that takes text messages; empty: none"})
    messages_push: str = field(default="", metadata={"help": "https address that takes push messages; empty: none"})
    messages_ca: str = field(
        default="", metadata={"help": "PEM file of the authority of these servers; empty: the system's"}
    )
    # forms (governance/timestamping.py)
    tsa_url: str = field(
        default="", metadata={"help": "address of an RFC 3161 time-stamp authority; empty: none, and forms say so"}
    )
    tsa_ca: str = field(default="", metadata={"help": "PEM file of the certificate that its stamps are checked by"})
    # sign-in by OpenID Connect; the secrets are files of the keys folder (federation/providers.py)
    psc_issuer: str = field(default="", metadata={"help": "Pro Santé Connect's issuer; empty: no sign-in by it"})
    psc_discovery: str = field(default="", metadata={"help": "Pro Santé Connect's configuration, if elsewhere"})
    psc_client: str = field(default="", metadata={"help": "the client identifier that Pro Santé Connect gave us"})
    psc_acr: tuple[str, ...] = field(default=("eidas1",), metadata={"help": "levels asked of Pro Santé Connect"})
    franceconnect_issuer: str = field(default="", metadata={"help": "FranceConnect's issuer; empty: no sign-in by it"})
    franceconnect_discovery: str = field(default="", metadata={"help": "FranceConnect's configuration, if elsewhere"})
    franceconnect_client: str = field(default="", metadata={"help": "the client identifier that FranceConnect gave us"})
    franceconnect_acr: tuple[str, ...] = field(default=("eidas2",), metadata={"help": "levels asked of FranceConnect"})
    sso_issuer: str = field(default="", metadata={"help": "your own provider's issuer; empty: no sign-in by it"})
    sso_discovery: str = field(default="", metadata={"help": "your own provider's configuration, if elsewhere"})
    sso_client: str = field(default="", metadata={"help": "the client identifier that your own provider gave us"})
    sso_acr: tuple[str, ...] = field(default=(), metadata={"help": "levels asked of your own provider"})

    def people_address(self) -> str:
        """Where people's browsers go. What speaks HTTPS before us has a port of its own, the usual one."""
        return f"https://{self.public_host}" if self.people_https else f"http://{self.public_host}:{self.people_port}"

    def people_origins(self) -> list[str]:
        """The origins that people's forms come from when something before us speaks HTTPS; none otherwise."""
        if not self.people_https:
            return []
        return [f"https://{self.public_host}", f"https://{self.public_host}:{self.people_port}"]

    def database(self) -> dict[str, Any]:
        """Django's DATABASES entry. Raises ConfigError for an address we cannot use.

        Connections are not kept after a request, but by the listeners, whose threads last: one kept by a thread that
        ended is lost to us and not to the server.
        """
        if not self.database_url:
            return {
                "ENGINE": "egide.cloud.config.sqlite",
                "NAME": str(self.data / "egide.sqlite3"),
                "ATOMIC_REQUESTS": False,
            }
        url = urlsplit(self.database_url)
        if url.scheme not in {"postgresql", "postgres"} or not url.path.strip("/"):
            raise ConfigError("database_url must be postgresql://user@host:port/name")
        if url.password:
            raise ConfigError("database_url carries a password: put it in a pgpass file (PGPASSFILE)")
        query = dict(parse_qsl(url.query))
        host = query.get("host", url.hostname or "")
        tls = {name: query[name] for name in ("sslmode", "sslrootcert") if name in query}
        if not (host == "" or host.startswith("/") or _loopback(host)) and tls.get("sslmode") != "verify-full":
            raise ConfigError(
                "a database on another machine is reached by TLS with its certificate checked: end database_url with"
                " ?sslmode=verify-full (and &sslrootcert=FILE for a CA of your own)"
            )
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.strip("/"),
            "USER": url.username or "",
            "HOST": host,
            "PORT": query.get("port", str(url.port or "")),
            "OPTIONS": tls,
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": True,
        }

    def key_file(self, name: str) -> Path:
        """Path of a file of the keys folder. Raises KeyMissingError when absent, or readable by others."""
        path = self.keys / name
        try:
            mode = path.stat().st_mode
        except OSError as err:
            raise KeyMissingError(f"the key file {name} is missing") from err
        if stat.S_IMODE(mode) & 0o077:
            raise KeyMissingError(f"the key file {name} can be read by others: set its mode to 0600")
        return path

    def read_key(self, name: str) -> bytes:
        return self.key_file(name).read_bytes()

    def web_secret(self) -> str:
        """Django's secret, or a value that only allows work without a session when the keys are not made yet.

        Raises KeyMissingError when the file is there and others can read it.
        """
        try:
            (self.keys / "web.key").stat()
        except FileNotFoundError:
            return os.urandom(32).hex()
        except OSError:
            pass  # read_key says what is wrong
        return self.read_key("web.key").hex()


_YES_OR_NO: Final = {"1": True, "true": True, "yes": True, "on": True,
                     "0": False, "false": False, "no": False, "off": False}  # fmt: skip


class PlainHttpError(ConfigError):
    """People of other machines would reach the pages without HTTPS."""

    hint = "put HTTPS in front and set people_https, or let listen be an address of this machine alone"


def _read(name: str, kind: object, value: object) -> Any:
    """One setting. Raises ConfigError that names it, and does not repeat what it holds."""
    try:
        return _convert(kind, value)
    except (ValueError, KeyError) as err:
        raise ConfigError(f"the setting {name} cannot be read") from err


def _convert(kind: object, value: object) -> Any:
    text = str(value)
    if kind == "Path":
        return Path(text).expanduser().absolute()
    if kind == "int":
        return int(text)
    if kind == "bool":
        return _YES_OR_NO[text.lower()]
    if str(kind).startswith("tuple"):
        return tuple(value) if isinstance(value, list) else tuple(x for x in text.split(",") if x)
    return text


@functools.cache
def load() -> Options:
    """The settings in force. Raises ConfigError when one has no sense."""
    options = Options()
    given: dict[str, Any] = {}
    kinds = {f.name: f.type for f in fields(Options)}
    try:
        for name, kind in kinds.items():
            if (text := os.environ.get(f"EGIDE_{name.upper()}")) is not None:
                given[name] = _read(name, kind, text)
        options = replace(options, **given)
        file = options.data / "egide.toml"
        if file.is_file():
            written = tomllib.loads(file.read_text())
            if unknown := set(written) - set(kinds) | ({"data"} & set(written)):
                raise ConfigError(f"egide.toml has settings that do not exist: {', '.join(sorted(unknown))}")
            options = replace(options, **{k: _read(k, kinds[k], v) for k, v in written.items() if k not in given})
    except (ValueError, OSError) as err:
        raise ConfigError("egide.toml cannot be read") from err
    _check(options)
    return options


def _check(options: Options) -> None:
    """Raises ConfigError for settings that were read and cannot work."""
    if options.keys == options.data or options.data in options.keys.parents:
        raise ConfigError("the keys folder must lie outside the data folder")
    if options.intake_rate < 1:
        raise ConfigError("intake_rate must be 1 or more")
    if not 1 <= options.people_processes <= 64:
        raise ConfigError("people_processes must be between 1 and 64")
    if not 30 <= options.shared_idle_s <= 3_600:
        raise ConfigError("shared_idle_s must be between 30 and 3600 seconds")
    if bool(options.tsa_url) != bool(options.tsa_ca) or (
        options.tsa_url and urlsplit(options.tsa_url).scheme not in ("http", "https")
    ):
        raise ConfigError("tsa_url and tsa_ca go together: an address, and the certificate its stamps are checked by")
    if options.demo and not (_loopback(options.listen) and all(map(_loopback, options.hosts))):
        raise ConfigError("a demo listens on this machine alone: listen and hosts must be loopback addresses")
    if not options.people_https and not _loopback(options.listen):
        raise PlainHttpError("listen is not a loopback address, and people_https is not set")


def _loopback(address: str) -> bool:
    """Names but `localhost` count as reachable from elsewhere: what they mean is not ours to say."""
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
