"""For tests alone: `egide.cloud.config.sqlite`, its every PRAGMA, on a connection of apsw and a VFS of the test's own.

A VFS without shared memory holds a WAL if one connection owns the file: nothing else is set beside the platform's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw
from django.db.backends.sqlite3 import base as django_sqlite
from django.db.backends.sqlite3._functions import (  # type: ignore[import-untyped]
    register as register_functions,
)

from egide.cloud.config.sqlite import base as platform_sqlite

__all__ = ["DatabaseWrapper"]


@contextmanager
def speaking() -> Iterator[None]:
    """Turn apsw's errors into those that Django knows."""
    try:
        yield
    except apsw.ConstraintError as err:
        raise sqlite3.IntegrityError(str(err)) from err
    except apsw.Error as err:
        raise sqlite3.OperationalError(str(err)) from err


class Cursor:
    """As much of PEP 249 as Django needs."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.db.cursor()
        self._row: tuple[Any, ...] | None = None
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, query: str, params: Sequence[Any] | None = None) -> Cursor:
        db = self._connection.db
        if params is not None:
            query = django_sqlite.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")
        with speaking():
            before = db.total_changes()
            self._cursor.execute(query, tuple(params or ()))
            try:
                self.description = [(name, *[None] * 6) for name, *_ in self._cursor.getdescription()]
            except apsw.ExecutionCompleteError:
                self.description = None
            self._row = next(self._cursor, None) if self.description else None
            self.rowcount = db.total_changes() - before if db.total_changes() != before else self._said(query)
            self.lastrowid = db.last_insert_rowid()
        return self

    def _said(self, query: str) -> int:
        return 0 if query.lstrip()[:6].upper() in {"UPDATE", "DELETE", "INSERT"} else -1

    def executemany(self, query: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        count = 0
        for row in rows:
            self.execute(query, row)
            count += max(self.rowcount, 0)
        self.rowcount = count
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        row, self._row = self._row, None
        if row is not None:
            with speaking():
                self._row = next(self._cursor, None)
        return row

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        while len(found) < size and (row := self.fetchone()) is not None:
            found.append(row)
        return found

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while (row := self.fetchone()) is not None:
            yield row

    def close(self) -> None:
        self._cursor.close(True)


class Connection:
    """As much of PEP 249 as Django needs, in the mode that it uses: each BEGIN is written."""

    isolation_level: str | None = None

    def __init__(self, name: str, vfs: str) -> None:
        with speaking():
            self.db = apsw.Connection(name, vfs=vfs)

    def execute(self, query: str) -> Cursor:
        return Cursor(self).execute(query)

    def executemany(self, query: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """`query` has "?" for marks: what the platform asks of the driver itself."""
        return Cursor(self).executemany(query, rows)

    def cursor(self) -> Cursor:
        return Cursor(self)

    @property
    def in_transaction(self) -> bool:
        return bool(self.db.in_transaction)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        with speaking():
            self.db.close(True)

    def create_function(
        self, name: str, count: int, function: Callable[..., Any], *, deterministic: bool = False
    ) -> None:
        self.db.create_scalar_function(name, function, count, deterministic=deterministic)

    def create_aggregate(self, *_: Any) -> None:
        """Statistics of Django's (STDDEV...), which the platform does not use."""


class _Apsw(django_sqlite.DatabaseWrapper):
    """Stands between the platform's backend and Django's: gives it a connection of apsw."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        made = Connection(conn_params["database"], conn_params["vfs"])
        made.db.set_busy_timeout(int(conn_params["timeout"] * 1000))
        made.execute("PRAGMA locking_mode=EXCLUSIVE")  # before anything reads the file
        register_functions(made)
        return made

    def create_cursor(self, name: Any = None) -> Any:
        return self.connection.cursor()


class DatabaseWrapper(platform_sqlite.DatabaseWrapper, _Apsw):
    """`OPTIONS`: {"vfs": its name}."""
