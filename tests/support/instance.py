"""A real platform for tests: `egide up` on free ports, on the engine of the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from egide.prove.instance import Instance
from tests.support.postgres import postgres_cluster

__all__ = ["running_instance"]


@contextmanager
def running_instance(folder: Path, **settings: str) -> Iterator[Instance]:
    """A started platform in `folder`; its database is that of EGIDE_TEST_ENGINE."""
    with ExitStack() as stack:
        given = dict(settings)
        given.setdefault("EGIDE_DATABASE_URL", "")
        if os.environ.get("EGIDE_TEST_ENGINE") == "postgresql" and not given["EGIDE_DATABASE_URL"]:
            given["EGIDE_DATABASE_URL"] = stack.enter_context(postgres_cluster())
        instance = stack.enter_context(Instance(data=folder / "data", keys=folder / "keys", settings=given))
        try:
            yield instance
        except BaseException:
            print("the platform said:", *instance.words, sep="\n")  # pytest shows it beside the failure
            raise
