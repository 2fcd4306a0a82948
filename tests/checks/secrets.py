"""Fails when a file that git tracks holds what looks like a secret, a registry's host or a machine's path."""

import re
import subprocess
import sys
from pathlib import Path

PATTERNS = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"),
    "nkey seed": re.compile(rb"\bS[UACON][A-Z2-7]{56}\b"),
    "cloud key": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "token": re.compile(rb"\b(?:ghp|gho|glpat|xox[bap])[-_][A-Za-z0-9-_]{20,}\b"),
    "password assignment": re.compile(rb"(?i)\b(?:password|passwd|secret_key)\s*=\s*['\"][^'\"$<{\s]{6,}['\"]"),
    "registry host": re.compile(rb"(?i)https?://(?:files\.pythonhosted|pypi|registry\.npmjs|deb\.debian)\.[a-z.]+"),
    "machine path": re.compile(rb"(?<![\w.])/(?:work|farm|root)/[a-z.]"),
}
#: Frozen test keys: vectors are public by nature.
ALLOWED = ("vectors/", "LICENSE", "tests/checks/secrets.py")


def main() -> int:
    names = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout.split(b"\0")
    found = 0
    for name in filter(None, names):
        path = Path(name.decode())
        if not path.is_file() or path.as_posix().startswith(ALLOWED):
            continue
        data = path.read_bytes()
        for what, pattern in PATTERNS.items():
            for hit in pattern.finditer(data):
                line = data.count(b"\n", 0, hit.start()) + 1
                print(f"{path}:{line}: looks like a {what}", file=sys.stderr)
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
