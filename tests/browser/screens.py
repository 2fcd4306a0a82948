"""Drive Debian's Chromium over a running portal, and keep pictures of its pages.

`renew_screenshots` needs an address, a patient's one-time code and a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHROMIUM: Final = "/usr/bin/chromium"
PHONE: Final = (390, 844)
DESKTOP: Final = (1280, 800)
PATIENCE_MS: Final = 90_000  # a busy machine is no fault; what never comes still fails
EXPECT_MS: Final = 20_000
SETTLED: Final = "document.fonts.status === 'loaded'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: `name` without suffix, and the page's path."""

    name: str
    path: str
    whole: bool = True  # the whole page, not only what the window shows
    ready: str = ""  # a selector to wait for


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=EXPECT_MS)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def visitor(running: Browser, *, size: tuple[int, int] = DESKTOP, lang: str = "fr", **more: Any) -> Iterator[Page]:
    """A person with a clean browser; what the page says on its console is an error of ours."""
    context: BrowserContext = running.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale={"fr": "fr-FR", "en": "en-GB"}[lang],
        timezone_id="Europe/Paris",
        **more,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    try:
        yield page
    finally:
        context.close()


def watch(page: Page) -> list[str]:
    """Collect what goes wrong in a page: errors, and everything that its policy refused."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def sign_in(page: Page, base: str, code: str) -> None:
    """Open the one-time link, as a person would."""
    page.goto(f"{base}/sign-in#{code}")
    page.wait_for_url(lambda url: "/sign-in" not in url)


def photograph(
    running: Browser,
    base: str,
    shots: list[Shot],
    folder: Path,
    *,
    code: str = "",
    size: tuple[int, int] = DESKTOP,
    lang: str = "fr",
    dark: bool = False,
) -> list[Path]:
    """Take pictures of pages, signed in by a one-time `code` when it is given. Returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with visitor(running, size=size, lang=lang, color_scheme="dark" if dark else "light") as page:
        if code:
            sign_in(page, base, code)
        for shot in shots:
            page.goto(base + shot.path)
            page.wait_for_function(SETTLED)
            if shot.ready:
                page.wait_for_selector(shot.ready)
            path = folder / f"{shot.name}.png"
            page.screenshot(path=path, full_page=shot.whole)
            taken.append(path)
    return taken


def renew_screenshots(base: str, code: str, folder: Path) -> list[Path]:
    """The pictures of the README: a patient's live page and their record, in French."""
    shots = [
        Shot(name="live", path="/", ready="canvas"),
        Shot(name="record", path="/me", whole=False, ready="canvas"),
    ]
    with browser() as running:
        return photograph(running, base, shots, folder, code=code)
