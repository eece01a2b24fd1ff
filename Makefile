# Themis: `make run` and `make test` are all the set-up there is; `make help` lists the rest.

PYTHON ?= $(shell for p in python3.11 python3 python; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 8000
DATA ?= data
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check bench css lock format help clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

run: $(VENV)/run.done  ## console, worker, live events and demo data (PORT=8000 DATA=data)
	@DATA="$(DATA)" PORT="$(PORT)" exec $(BIN)/python manage.py up

test: $(VENV)/dev.done  ## the whole test suite (ARGS= for pytest)
	@sh scripts/test-programs.sh
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/dev.done  ## ruff, mypy --strict, import-linter, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	THEMIS_DATA=$$(mktemp -d) $(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/dev.done  ## every speed claim, measured side by side (ARGS= for its options)
	$(BIN)/python -m benchmarks $(ARGS)

format: $(VENV)/dev.done  ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

css:  ## static/app.css from static/src/input.css (needs Node)
	npm ci --no-audit --no-fund
	npm run css

lock: $(VENV)/dev.done  ## requirements/*.lock from the two pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml themisdb_datasets/pyproject.toml --extra engine $(LOCK) -o requirements/run.lock
	$(BIN)/uv pip compile pyproject.toml themisdb_datasets/pyproject.toml --extra engine --extra dev -c requirements/run.lock $(LOCK) -o requirements/dev.lock

LOCK := --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

clean:  ## remove the environment and what tools left; data stay
	rm -rf $(VENV) node_modules build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Where `venv` lacks pip (Debian without python3-venv), the pip of the system installs into the new environment.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Themis needs Python 3.11; install it, or name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV); }

$(VENV)/%.done: requirements/%.lock | $(BIN)/python
	@echo "Installing what $< lists"
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; \
	else \
	    $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --require-hashes -r $<; \
	fi
	@touch $@
