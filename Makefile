# Two commands do everything: `make demo` and `make test`. The rest is for those who work on Egide.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
# Tests start hundreds of processes: each of them would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-all lint bench lock clean

setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "egide: Python 3.11 or later is needed (make PYTHON=python3.12 ...)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "egide: installing locked dependencies into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup
	@exec $(BIN)/egide demo --with-parent $$PPID $(DEMO)

# Without the slow marks: under five minutes. CI runs `make test-all`.
test: setup lint
	$(BIN)/python -m pytest -m "not slow" --numprocesses auto --dist loadfile --cov --cov-report=term:skip-covered $(PYTEST)

test-all: setup lint
	./tests/all.sh $(PYTEST)

lint: setup
	$(BIN)/ruff check src tests bench vectors
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/checks/migrations.py
	$(BIN)/python tests/checks/translations.py
	$(BIN)/python tests/checks/secrets.py
	$(BIN)/python tests/checks/lock.py

bench: setup
	$(BIN)/python -m bench $(BENCH)

lock:
	UV="$(UV)" ./requirements/lock.sh

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache
