"""The fuzzers of the wire formats run, for a short while, and find nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TARGETS = ["answer", "cbor", "checkpoint", "consistency", "envelope", "readings", "receipt", "witness"]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_fuzzer_of_a_decoder_finds_nothing(target: str, tmp_path: Path) -> None:
    """Thousands of altered inputs: refused by our errors, or what they were before."""
    options = ["-runs=8000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_wire", target, *options],
        capture_output=True, text=True, check=False, timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
