"""The fuzzer of proof files runs, for a short while, and finds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_fuzzer_of_proof_files_finds_nothing(tmp_path: Path) -> None:
    """A few thousand altered files: ProofError with a step, or the file as it was made."""
    options = ["-runs=4000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_evidence", *options],
        capture_output=True, text=True, check=False, timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
