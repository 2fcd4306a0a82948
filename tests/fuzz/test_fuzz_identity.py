"""The fuzzer of identities runs, for a short while, and finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_fuzzer_of_identities_finds_nothing(tmp_path: Path) -> None:
    """Some thousands of altered certificates, requests, lists, times and claims: refused, by our errors."""
    options = ["-runs=6000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_identity", *options],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
