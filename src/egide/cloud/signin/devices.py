"""What kind of device a session runs on, in words anybody would use. The browser's own text is not kept."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

__all__ = ["device_of", "device_words"]

# The order matters: most browsers claim to be others as well.
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "phone", "iPhone"), ("iPad", "tablet", "iPad"), ("Android", "", "Android"),
    ("Windows", "computer", "Windows"), ("CrOS", "computer", "ChromeOS"), ("Mac OS X", "computer", "macOS"),
    ("Linux", "computer", "Linux"),
)  # fmt: skip


def device_of(user_agent: str) -> str:
    """`kind|system|browser`, each from a short list or empty."""
    kind = system = browser = ""
    for mark, kind_of, name in _SYSTEMS:
        if mark in user_agent:
            kind, system = kind_of or ("phone" if "Mobile" in user_agent else "tablet"), name
            break
    for mark, name in _BROWSERS:
        if mark in user_agent:
            browser = name
            break
    return f"{kind}|{system}|{browser}"


def device_words(device: str) -> str:
    """A sentence part: "computer (Windows), Firefox"."""
    kind, system, browser = [*device.split("|"), "", ""][:3]
    what = {"phone": _("phone"), "tablet": _("tablet"), "computer": _("computer")}.get(kind, _("unknown device"))
    if system:
        what = f"{what} ({system})"
    return f"{what}, {browser}" if browser else what
