#!/bin/sh
# Everything, on both engines. What needs no database runs once; the last line is pytest's own.
set -eu
cd "$(dirname "$0")/.."
PYTEST="${PYTEST_BIN:-.venv/bin/python -m pytest}"
rm -f .coverage .coverage.*
EGIDE_TEST_ENGINE=sqlite $PYTEST --cov --cov-report= "$@"
EGIDE_TEST_ENGINE=postgresql $PYTEST -m database --cov --cov-append --cov-report=term:skip-covered "$@"
