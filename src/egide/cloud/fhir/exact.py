"""JSON that keeps a decimal's digits: 36.50 stays 36.50 (FHIR R4, datatypes: decimal)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from egide.errors import MalformedError

__all__ = ["dumps"]


def dumps(value: Any) -> str:
    """Write a resource made of dict, list, str, bool, int and Decimal; nothing else, and nothing empty.

    Raises:
        MalformedError: FHIR has no such value (null, a float, an empty list or object).
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case Decimal() if value.is_finite():
            return format(value, "f")
        case list() if value:
            return "[" + ",".join(map(dumps, value)) + "]"
        case dict() if value:
            return "{" + ",".join(f"{json.dumps(key)}:{dumps(item)}" for key, item in value.items()) + "}"
    raise MalformedError("a resource holds a value that FHIR has not")
