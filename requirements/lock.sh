#!/bin/sh
# Write the locks again from pyproject.toml: run it after a change of dependencies. CI checks that nothing differs.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
common="--universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --extra pkcs11 --extra client"
# shellcheck disable=SC2086
"$uv" pip compile $common pyproject.toml -o requirements/run.txt "$@"
# shellcheck disable=SC2086
"$uv" pip compile $common --group dev pyproject.toml -o requirements/dev.txt "$@"
