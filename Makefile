# Everything one does with a checkout; `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-client check format lock bench css environment environment-dev environment-client

PORT ?= 8000
DATA ?= data
PYTHON := .venv/bin/python
UV := .venv/bin/uv
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --generate-hashes \
	--python-version 3.11 --fork-strategy fewest --no-emit-index-url --no-emit-find-links --no-config
INPUTS := --extra engine pyproject.toml themisdb_datasets/pyproject.toml
# torch comes as the platform has it (scripts/environment.sh), so its builds are in no lock.
CLIENT := --extra train --group client --excludes requirements/torch.txt themisdb_datasets/pyproject.toml

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: environment ## Run Themis on http://127.0.0.1:8000 (PORT= another port, DATA= another data folder)
	@PORT="$(PORT)" DATA="$(DATA)" exec $(PYTHON) manage.py up

test: environment-dev ## Run all tests (ARGS= for pytest)
	@sh scripts/programs.sh
	$(PYTHON) -m pytest -n 3 --dist loadscope --no-loadscope-reorder $(ARGS)

test-client: environment environment-client ## Train from a running Themis with torch, transformers and datasets (ARGS= for pytest)
	PYTHONPATH="$(CURDIR)" PYTHONDONTWRITEBYTECODE= .venv-client/bin/python -m pytest -c tests_client/pytest.ini tests_client $(ARGS)

check: environment-dev ## Lint, formatting, types, layers, missing migrations
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	.venv/bin/djangofmt --check templates
	.venv/bin/oxfmt --check static
	$(PYTHON) -m mypy .
	.venv/bin/lint-imports
	DATA=.venv/check $(PYTHON) manage.py makemigrations --check --dry-run

format: environment-dev ## Format code, templates, scripts and styles, and sort imports
	$(PYTHON) -m ruff check --select I --fix .
	$(PYTHON) -m ruff format .
	.venv/bin/djangofmt templates
	.venv/bin/oxfmt static

lock: environment-dev ## Resolve requirements/*.lock anew (ARGS=--upgrade for the newest versions)
	$(COMPILE) $(ARGS) $(INPUTS) --output-file requirements/run.lock
	$(COMPILE) $(ARGS) $(INPUTS) --extra dev --constraint requirements/run.lock --output-file requirements/dev.lock
	$(COMPILE) $(ARGS) $(CLIENT) --constraint requirements/dev.lock --output-file requirements/client.lock

bench: environment-dev ## Measure every speed claim, side by side (ARGS= for the benchmark)
	$(PYTHON) -m benchmarks $(ARGS)

css: ## Build static/app.css from static/src/input.css (needs Node)
	npm install --no-audit --no-fund
	npm run css

environment:
	@sh scripts/environment.sh run

environment-dev:
	@sh scripts/environment.sh dev

environment-client:
	@sh scripts/environment.sh client
