"""Fails when a lock does not satisfy pyproject.toml, or a locked line has no hash. Needs no network."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def locked(path: Path) -> tuple[dict[str, set[str]], list[str]]:
    """Versions by name, and the names without a hash."""
    versions: dict[str, set[str]] = {}
    bare: list[str] = []
    for block in re.split(r"\n(?=\S)", path.read_text().replace("\\\n", " ")):
        if not block.strip() or block.startswith("#"):
            continue
        name, _, rest = block.partition("==")
        key: str = canonicalize_name(name.split("[")[0].strip())
        versions.setdefault(key, set()).add(rest.split()[0])
        if "--hash=sha256:" not in block:
            bare.append(key)
    return versions, bare


def main() -> int:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    run = list(project["project"]["dependencies"])
    for extra in project["project"].get("optional-dependencies", {}).values():
        run += extra
    wanted = {"run.txt": run, "dev.txt": [*run, *project["dependency-groups"]["dev"]]}
    bad = 0
    for name, lines in wanted.items():
        versions, bare = locked(Path("requirements") / name)
        for key in bare:
            print(f"requirements/{name}: {key} has no hash", file=sys.stderr)
            bad += 1
        for line in lines:
            need = Requirement(line)
            have = versions.get(canonicalize_name(need.name), set())
            if not have or not any(need.specifier.contains(v, prereleases=True) for v in have):
                print(
                    f"requirements/{name}: {line} is not what is locked ({', '.join(have) or 'nothing'})",
                    file=sys.stderr,
                )
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
