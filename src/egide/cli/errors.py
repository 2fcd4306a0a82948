"""How a command says what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from egide.errors import ConfigError, EgideError, KeyMissingError, MalformedError

__all__ = ["exit_code", "say_error", "usage", "words"]


def words(text: str) -> None:
    """Words for people go to stderr, so that stdout stays data."""
    print(text, file=sys.stderr, flush=True)


def say_error(err: EgideError) -> None:
    words(f"egide: {err.code}: {err}")
    if err.hint:
        words(f"egide: hint: {err.hint}")


def exit_code(err: EgideError) -> int:
    """1 refused, 2 usage or settings, 5 unavailable."""
    if isinstance(err, ConfigError | KeyMissingError):
        return 2
    return 5 if err.retryable else 1


@contextmanager
def usage(wrong: str) -> Iterator[None]:
    """What was typed and has not its form is wrong usage (2), said as `wrong`: nobody was asked, so nobody refused."""
    try:
        yield
    except MalformedError as err:
        raise typer.BadParameter(wrong) from err
