"""Lines for whoever runs the platform: in UTC, so that two machines' can be laid side by side."""

from __future__ import annotations

import logging
import time

__all__ = ["UtcFormatter"]


class UtcFormatter(logging.Formatter):
    """2026-11-22T04:13:25.123Z, whatever the machine's zone."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        return time.gmtime(seconds)
