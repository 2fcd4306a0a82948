"""The fuzzer of consents runs, for a short while, and finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_fuzzer_of_consents_finds_nothing(tmp_path: Path) -> None:
    """A few thousand altered statements, keys, assertions and files: our errors, or what was made."""
    options = ["-runs=4000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_consent", *options],
        capture_output=True, text=True, check=False, timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
