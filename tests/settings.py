"""The platform's settings, on folders of the tests' own; EGIDE_TEST_ENGINE says which database (sqlite, postgresql)."""

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

_ROOT = Path(tempfile.mkdtemp(prefix="egide-test-"))
atexit.register(shutil.rmtree, _ROOT, ignore_errors=True)
(_ROOT / "data").mkdir()
(_ROOT / "keys").mkdir(mode=0o700)
os.environ["EGIDE_DATA"] = str(_ROOT / "data")
os.environ["EGIDE_KEYS"] = str(_ROOT / "keys")
ENGINE = os.environ.get("EGIDE_TEST_ENGINE", "sqlite")

if ENGINE == "postgresql":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.support.postgres import postgres_cluster

    _stack = ExitStack()
    os.environ["EGIDE_DATABASE_URL"] = _stack.enter_context(postgres_cluster())
    atexit.register(_stack.close)
elif ENGINE != "sqlite":
    raise SystemExit(f"EGIDE_TEST_ENGINE is sqlite or postgresql, not {ENGINE}")

from egide.cloud.config.settings import *  # noqa: E402, F403

if ENGINE == "sqlite":  # a file, as in the field: WAL and full synchronous are what is tested
    DATABASES["default"]["TEST"] = {"NAME": str(_ROOT / "test.sqlite3")}  # noqa: F405
