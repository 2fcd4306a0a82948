"""Which channels this platform has, from its settings. None of them is there unless the operator set it up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from egide.cloud.messages.channels import Channel
from egide.cloud.messages.mail import Mail
from egide.cloud.messages.neutral import require_address, require_neutral
from egide.cloud.messages.webhook import Webhook
from egide.cloud.options import Options
from egide.errors import ConfigError, EgideError

__all__ = ["Outward", "available", "outward", "wanted"]

_LEAST_KEY: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Outward:
    """The portal's address as messages name it, and a channel by name."""

    portal: str
    channels: dict[str, Channel] = field(default_factory=dict)


def wanted(options: Options) -> bool:
    """Whether the operator set up messages at all."""
    return bool(options.messages_address)


def available(options: Options, names: Iterable[str]) -> frozenset[str]:
    """The channels that work as far as settings can tell: none when one of them is wrong. No key is read."""
    try:
        return frozenset(outward(options, names, keys=False).channels)
    except EgideError:
        return frozenset()


def outward(options: Options, names: Iterable[str], *, keys: bool = True) -> Outward:
    """The channels of these settings. `names`: of the establishments here, which no address may tell.

    Without `keys` they cannot send: it is for who only needs to know which there are.

    Raises:
        ConfigError: a setting that cannot be, or that betrays something. KeyMissingError: a key file.
    """
    if not wanted(options):
        return Outward(portal="")
    portal = require_address(options.messages_address)
    channels: dict[str, Channel] = {}
    hosts = [urlsplit(portal).hostname or ""]
    if options.messages_smtp:
        mail = _mail(options, keys)
        hosts.append(mail.sender)
        channels["email"] = mail
    for channel, url in (("sms", options.messages_sms), ("push", options.messages_push)):
        if url:
            channels[channel] = _webhook(options, channel, url, keys)
    require_neutral(hosts, names)
    return Outward(portal=portal, channels=channels)


def _mail(options: Options, keys: bool) -> Mail:
    url = urlsplit(options.messages_smtp)
    if url.scheme not in {"smtp", "smtps"} or not url.hostname or url.password or url.path.strip("/"):
        raise ConfigError("messages_smtp is smtp://user@host:port or smtps://..., with no password in it")
    if options.messages_from.count("@") != 1 or any(c in options.messages_from for c in "<>, \r\n"):
        raise ConfigError("messages_from is an address alone, with no name beside it")
    implicit = url.scheme == "smtps"
    return Mail(
        host=url.hostname, port=url.port or (465 if implicit else 587), implicit=implicit,
        sender=options.messages_from, user=url.username or "",
        password=options.read_key("smtp.password").decode().strip() if keys and url.username else "",
        ca=options.messages_ca,
    )  # fmt: skip


def _webhook(options: Options, channel: str, url: str, keys: bool) -> Webhook:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
        raise ConfigError(f"messages_{channel} begins with https:// and holds no password")
    key = options.read_key(f"{channel}.key").strip() if keys else b""
    if keys and len(key) < _LEAST_KEY:
        raise ConfigError(f"the key file {channel}.key holds 32 bytes or more")
    return Webhook(channel=channel, url=url, key=key, ca=options.messages_ca)
