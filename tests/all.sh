#!/bin/sh
# Everything, on both engines; what needs no database runs once; a file's tests stay together on one core. Tests that
# start servers and kill them can meet a machine's bad moment: what failed is tried once more, alone and in the open,
# unless something was lost (tests/faults/conftest.py): a loss is one, however seldom.
# The last line is pytest's own.
set -eu
cd "$(dirname "$0")/.."
PYTEST="${PYTEST_BIN:-.venv/bin/python -m pytest}"

tried() {
    $PYTEST --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 30 "$@" && return
    [ ! -s .lost ] || return 1
    echo "egide: a second try of what failed, alone"
    $PYTEST --last-failed --last-failed-no-failures none "$@"
}

# Platforms flush every commit to their disk: that is what the field needs, and what a run waits for. Where there is
# room, the disk is memory; what power takes away is tried on a disk of our own making (tests/things/power.py).
room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
if [ "${room:-0}" -gt 4000000 ]; then
    TMPDIR=$(mktemp -d /dev/shm/XXXXXX)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
    trap 'exit 1' HUP INT TERM
fi

rm -f .lost .coverage .coverage.*
export EGIDE_TEST_ENGINE=sqlite
tried --cov --cov-append --cov-report= "$@"
export EGIDE_TEST_ENGINE=postgresql
tried -m database --cov --cov-append --cov-report=term:skip-covered "$@"
