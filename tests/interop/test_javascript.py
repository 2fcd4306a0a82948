"""The vectors hold in a second implementation: a page of JavaScript and node's own crypto
(vectors/check.mjs)."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "vectors"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [NODE or "node", str(FOLDER / "check.mjs"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def altered(tmp_path: Path, family: str, name: str, **changes: object) -> Path:
    """A copy of the vectors in which one was changed, and the index follows."""
    folder = tmp_path / "vectors"
    folder.mkdir()
    for path in FOLDER.glob("*.json"):
        shutil.copy(path, folder)
    file = folder / f"{family}.json"
    content = json.loads(file.read_text("utf-8"))
    next(v for v in content["vectors"] if v["name"] == name).update(changes)
    file.write_text(json.dumps(content), "utf-8")
    index = json.loads((folder / "index.json").read_text("utf-8"))
    index["files"][file.name]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "index.json").write_text(json.dumps(index), "utf-8")
    return folder


def test_every_vector_holds_in_javascript() -> None:
    """What we write it reads; what we refuse it refuses: -9, -19, high S, proofs, notes, sealed bytes."""
    done = check(FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("vectors, 0 failed\n")


@pytest.mark.parametrize(
    ("family", "name", "change"),
    [
        pytest.param("envelopes", "es256", {"identity": "00" * 32}, id="another-identity"),
        pytest.param("envelopes", "ecdsa-high-s", {"expect": "ok"}, id="high-s-called-good"),
        pytest.param("receipts", "inclusion-3-of-7", {"index": 4}, id="another-index"),
        pytest.param("checkpoints", "cosigned", {"cosigned": []}, id="cosignature-forgotten"),
        pytest.param("sealed", "hpke-x25519", {"plaintext": ""}, id="another-plaintext"),
        pytest.param("evidence", "es256", {"trust": 5}, id="another-trust-level"),
        pytest.param("evidence", "model-changed", {"step": "3 object signature"}, id="another-step"),
        pytest.param("evidence", "own-keys", {"expect": "ok"}, id="forgery-called-good"),
        pytest.param("consents", "es256", {"reader": "urn:uuid:x"}, id="another-reader"),
        pytest.param("consents", "high-s", {"expect": "ok"}, id="high-s-of-a-passkey-called-good"),
        pytest.param("consents", "name-twice", {"step": "1 form"}, id="another-step-of-a-consent"),
        pytest.param("genesis", "first", {"expect": "malformed"}, id="good-called-bad"),
    ],
)
def test_a_vector_that_lies_is_named(
    tmp_path: Path, family: str, name: str, change: dict[str, object]
) -> None:
    """The second implementation judges by itself: an altered expectation is reported, with exit code 1."""
    done = check(altered(tmp_path, family, name, **change))
    assert done.returncode == 1
    assert f"{family}.json: {name}:" in done.stdout
    assert done.stdout.endswith(" 1 failed\n")


def test_a_file_that_the_index_does_not_know_is_named(tmp_path: Path) -> None:
    """A vector file that was changed behind the index is not silently accepted."""
    folder = altered(tmp_path, "tiles", "name-1-0-3")
    (folder / "tiles.json").write_text((folder / "tiles.json").read_text("utf-8") + "\n", "utf-8")
    done = check(folder)
    assert (done.returncode, "tiles.json: not the file" in done.stdout) == (1, True)
