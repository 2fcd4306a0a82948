"""Each harness of this folder runs for a while from the frozen examples; only our refusals are raised."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
VECTORS = HERE.parents[1] / "vectors"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """What the harness begins with: every hostile input, and every frozen payload."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for path in (VECTORS / "hostile").glob("*.cbor"):
        (folder / path.name).write_bytes(path.read_bytes())
    for vector in json.loads((VECTORS / "readings.json").read_text())["vectors"]:
        (folder / f"vector-{vector['name']}").write_bytes(bytes.fromhex(vector["payload"]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("harness", ["fuzz_cbor.py", "fuzz_readings.py"])
def test_no_input_breaks_a_decoder(harness: str, corpus: Path, seed: int) -> None:
    """Fifty thousand inputs grown from the frozen ones: none raises anything but a refusal."""
    options = ["-runs=50000", f"-seed={seed % 2**31 or 1}", "-max_len=4096", "-rss_limit_mb=1024"]
    done = subprocess.run(
        [sys.executable, str(HERE / harness), *options, str(corpus)],
        cwd=corpus.parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    assert "Done 50000 runs" in done.stderr
