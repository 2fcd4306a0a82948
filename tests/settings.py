"""The platform's settings, on a data folder of the tests' own."""

import atexit
import os
import shutil
import tempfile

_ROOT = tempfile.mkdtemp(prefix="egide-test-")
atexit.register(shutil.rmtree, _ROOT, ignore_errors=True)
os.environ["EGIDE_DATA"] = f"{_ROOT}/data"
os.environ["EGIDE_KEYS"] = f"{_ROOT}/keys"
os.makedirs(f"{_ROOT}/data")
os.makedirs(f"{_ROOT}/keys", mode=0o700)

from egide.cloud.config.settings import *  # noqa: E402, F403
