"""Two habits of the house that no linter looks after."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import egide

ROOT = Path(egide.__file__).parent


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def test_no_module_takes_a_private_name_of_another() -> None:
    """What another module needs is a public name, with a docstring that promises."""
    taken = [
        f"{where}: {node.module}.{name.name}"
        for where, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("egide.")
        for name in node.names
        if name.name.startswith("_")
    ]
    assert taken == []


def test_who_asks_is_known_before_a_factor_is_asked_of_them() -> None:
    """Where a page has both, @signed_in stands outside @widening."""
    found = 0
    for where, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [d.id for d in node.decorator_list if isinstance(d, ast.Name)]
                if {"signed_in", "widening"} <= set(names):
                    found += 1
                    assert names.index("signed_in") < names.index("widening"), f"{where}: {node.name}"
    assert found > 20
