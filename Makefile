# Everything one does with a checkout; `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run dev test test-short test-client test-ranges test-full check format lock bench css environment environment-dev environment-client

PORT ?= 8000
DATA ?= data
# `make check PYTHON=3.13` has an environment of its own, of that Python. Without PYTHON it is .venv, which is made with the
# newest Python that Themis is tested with, or with the one that THEMIS_PYTHON names.
PYTHON =
VENV = .venv$(addprefix -,$(PYTHON))
VENV_CLIENT = .venv-client$(addprefix -,$(PYTHON))
VENV_RANGES = .venv-ranges$(addprefix -,$(PYTHON))
RUN := $(VENV)/bin/python
UV := $(VENV)/bin/uv
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --generate-hashes \
	--python-version 3.11 --fork-strategy fewest --no-emit-index-url --no-emit-find-links --no-config
PARALLEL := -n 3 --dist loadscope --no-loadscope-reorder
SHORT := tests/themisdb_datasets tests/themis_admin/accounts
INPUTS := --extra engine pyproject.toml themisdb_datasets/pyproject.toml
# torch comes as the platform has it (scripts/environment.sh), so its builds are in no lock.
CLIENT := --extra train --group client --excludes requirements/torch.txt themisdb_datasets/pyproject.toml

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: environment ## Run Themis on http://127.0.0.1:8000 (PORT= another port, DATA= another data folder)
	@PORT="$(PORT)" DATA="$(DATA)" exec $(RUN) manage.py up

dev: environment ## As run, and what serves or works on jobs starts anew when its sources change
	@PORT="$(PORT)" DATA="$(DATA)" exec $(RUN) manage.py up --reload

test: environment-dev ## Run all tests (ARGS= for pytest)
	@sh scripts/programs.sh
	$(RUN) -m pytest $(PARALLEL) $(ARGS)

test-short: environment-dev ## Run the quick tests of engine, client and accounts (ARGS= for pytest)
	$(RUN) -m pytest $(PARALLEL) -m "not hypothesis" $(SHORT) $(ARGS)

test-client: environment environment-client ## Train from a running Themis with torch, transformers and datasets (ARGS= for pytest)
	PYTHONPATH="$(CURDIR)" PYTHONDONTWRITEBYTECODE= THEMIS_SERVER_PYTHON="$(RUN)" $(VENV_CLIENT)/bin/python -m pytest -c tests_client/pytest.ini tests_client $(ARGS)

test-ranges: environment ## Test engine and client with the lowest and the highest releases they allow (ARGS= for pytest)
	@sh scripts/environment.sh client $(VENV_RANGES) $(PYTHON)
	@sh scripts/environment.sh dev $(VENV_RANGES) $(PYTHON)
	@sh scripts/ranges.sh $(VENV_RANGES) $(RUN) $(ARGS)

test-full: test test-client test-ranges ## Run every test there is

check: environment-dev ## Lint, formatting, types, layers, missing migrations
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/djangofmt --check templates
	$(VENV)/bin/oxfmt --check static
	DATA=$(VENV)/check $(RUN) -m mypy .
	$(VENV)/bin/lint-imports --cache-dir $(VENV)/import_linter_cache
	DATA=$(VENV)/check $(RUN) manage.py makemigrations --check --dry-run

format: environment-dev ## Format code, templates, scripts and styles, and sort imports
	$(RUN) -m ruff check --select I --fix .
	$(RUN) -m ruff format .
	$(VENV)/bin/djangofmt templates
	$(VENV)/bin/oxfmt static

lock: environment-dev ## Resolve requirements/*.lock anew (ARGS=--upgrade for the newest versions)
	$(COMPILE) $(ARGS) $(INPUTS) --output-file requirements/run.lock
	$(COMPILE) $(ARGS) $(INPUTS) --extra dev --constraint requirements/run.lock --output-file requirements/dev.lock
	$(COMPILE) $(ARGS) $(CLIENT) --constraint requirements/dev.lock --output-file requirements/client.lock
	echo uv | $(COMPILE) $(ARGS) - --constraint requirements/dev.lock --output-file requirements/uv.lock

bench: environment-dev ## Measure every speed claim, side by side (ARGS= for the benchmark)
	$(RUN) -m benchmarks $(ARGS)

css: ## Build static/app.css from static/src/input.css (needs Node)
	npm install --no-audit --no-fund
	npm run css

environment:
	@sh scripts/environment.sh run $(VENV) $(PYTHON)

environment-dev:
	@sh scripts/environment.sh dev $(VENV) $(PYTHON)

environment-client:
	@sh scripts/environment.sh client $(VENV_CLIENT) $(PYTHON)
