"""Whether each column holds what its kind of column holds: a row that cannot be read is named, not stumbled over.

PostgreSQL keeps a column's type by itself. SQLite keeps what it is given, whatever the column was declared to be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from django.db import DatabaseError, connection, models
from django.db.models.expressions import RawSQL

from egide.cloud.upkeep.backup import columns, tables
from egide.cloud.upkeep.finding import Finding
from egide.errors import ConfigError, EgideError, KeyMissingError, StorageError, UnavailableError

__all__ = ["check_columns", "guarded", "readable", "what"]

_M = TypeVar("_M", bound=models.Model)
_NOT_PLAIN: Final = re.compile(r"[^0-9A-Za-z./:-]")
_MOST: Final = 1_000  # named, of one table
#: What SQLite holds in a column that is well: {c} is the column.
_WELL: Final = {
    "BinaryField": "typeof({c}) = 'blob'",
    "BooleanField": "(typeof({c}) = 'integer' AND {c} IN (0, 1))",
    "UUIDField": "(typeof({c}) = 'text' AND length({c}) = 32 AND {c} NOT GLOB '*[^0-9a-f]*')",
    "FloatField": "typeof({c}) IN ('real', 'integer')",
    "JSONField": "(typeof({c}) = 'text' AND json_valid({c}))",
}
_INTEGER: Final = "typeof({c}) = 'integer'"
_TEXT: Final = "typeof({c}) = 'text'"


def check_columns() -> Iterator[Finding]:
    """Every row of every table that is kept, of which a column is not what it should be. Reads no large value."""
    if connection.vendor != "sqlite":
        return
    for model in tables():
        table, pk = connection.ops.quote_name(model._meta.db_table), model._meta.pk
        name = "rowid" if isinstance(pk, models.CompositePrimaryKey) else _column(model, pk)
        cases = " ".join(f"WHEN NOT {_well(model, f)} THEN '{f.column}'" for f in columns(model))
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT CAST({name} AS blob), {_case(cases)} FROM {table} "  # noqa: S608 (names of our own tables)
                f"WHERE NOT ({_all(model)}) LIMIT {_MOST}"
            )
            for key, column in cursor.fetchall():
                where = f"{model._meta.db_table}/{_plain(key)}/{column}"
                yield Finding(kind="row", where=where, what="unreadable")


def readable(rows: models.QuerySet[_M], *, ids_only: bool = False) -> models.QuerySet[_M]:
    """Those of these rows that can be read: `check_columns` names the others.

    `ids_only`: whoever asks looks at the other columns with care, and says more of them.
    """
    if connection.vendor != "sqlite":
        return rows
    well = _all(rows.model, ids_only=ids_only)
    return rows.filter(RawSQL(well, (), output_field=models.BooleanField()))  # noqa: S611 (our own names)


def guarded(kind: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds; that it came to no end is a finding too, and the next check is made all the same.

    Raises: what says that nothing can be checked here: keys, settings or a disk.
    """
    try:
        yield from check()
    except (ConfigError, KeyMissingError, StorageError, UnavailableError):
        raise
    except DatabaseError as err:
        if "UTF-8" not in str(err):  # SQLite keeps bytes that are no text in a column of text
            raise
        yield Finding(kind=kind, where="all", what="unreadable")
    except Exception as err:
        yield Finding(kind=kind, where="all", what=what(err))


def what(err: Exception) -> str:
    """A stable word for what went wrong; a row that was made into something else is unreadable."""
    return err.code if isinstance(err, EgideError) else "unreadable"


def _case(cases: str) -> str:
    return f"CASE {cases} END"


def _all(model: type[models.Model], *, ids_only: bool = False) -> str:
    return " AND ".join(_well(model, f) for f in columns(model) if not ids_only or _kind(f) == "UUIDField")


def _kind(field: models.Field[Any, Any]) -> str:
    """What a column holds; one that names another row holds what names it there."""
    held: Any = field
    while held.is_relation:
        held = held.target_field
    return str(held.get_internal_type())


def _well(model: type[models.Model], field: models.Field[Any, Any]) -> str:
    kind = _kind(field)
    sql = _WELL.get(kind, _INTEGER if kind.endswith(("IntegerField", "AutoField")) else _TEXT)
    column = _column(model, field)
    return "(" + sql.format(c=column) + (f" OR {column} IS NULL" if field.null else "") + ")"


def _column(model: type[models.Model], field: Any) -> str:
    quote = connection.ops.quote_name
    return f"{quote(model._meta.db_table)}.{quote(field.column)}"


def _plain(key: object) -> str:
    text = bytes(key).decode("ascii", "replace") if isinstance(key, bytes | memoryview) else str(key)
    return _NOT_PLAIN.sub("?", text[:64])
