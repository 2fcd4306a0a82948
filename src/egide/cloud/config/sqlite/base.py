"""Django's SQLite backend, with each connection set so that what is committed survives a power loss."""

from __future__ import annotations

import sqlite3
from typing import Any

from django.db.backends.sqlite3 import base

__all__ = ["DatabaseWrapper"]

BUSY_TIMEOUT_S = 30


class DatabaseWrapper(base.DatabaseWrapper):
    """Every transaction is BEGIN IMMEDIATE: two writers wait for each other instead of failing half-way."""

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params.update(timeout=BUSY_TIMEOUT_S)
        self.transaction_mode = "IMMEDIATE"
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=FAST",  # erasing is done by destroying keys; what costs no more writing is overwritten too
            "temp_store=MEMORY",
            "cache_size=-32768",  # 32 MB
            "wal_autocheckpoint=4000",  # 16 MB: fewer, larger transfers into the database
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection
