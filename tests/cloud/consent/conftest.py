"""Fixtures of this folder: see tests/support/core.py."""

from tests.support.core import *  # noqa: F403
