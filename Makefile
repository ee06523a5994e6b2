# Everything happens in .venv and .lakemill, both in this folder and ignored by git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKFLOW ?= flights
# all that is needed is pinned, so nothing is resolved; modules are compiled when they are first imported
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
INSTALLED := $(VENV)/.installed
CHECKED := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help install run up down status check test lint test-unit test-integration test-thorough test-services lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

install: $(INSTALLED) ## Make .venv and install what Lakemill runs on

run: $(INSTALLED) ## Run a workflow's history through all four DAGs (WORKFLOW=flights)
	@$(BIN)/lakemill run $(WORKFLOW)

up: $(INSTALLED) ## Start Airflow with its UI and leave it running
	@$(BIN)/lakemill up

down: $(INSTALLED) ## Stop Airflow
	@$(BIN)/lakemill down

status: $(INSTALLED) ## Show the installation and each workflow's partitions
	@$(BIN)/lakemill status

check: $(INSTALLED) ## Check the workflow files
	@$(BIN)/lakemill check

test: $(CHECKED) lint ## Set up, check, and run all tests but the thorough ones
	$(BIN)/pytest -n 4 --no-loadscope-reorder -m "not thorough" tests/integration tests/unit tests/dags plugins/lakemill

test-thorough: $(CHECKED) ## The tests that take longer: kills at every step, damage, a year of flights, installations
	$(BIN)/pytest -n 3 --no-loadscope-reorder -m thorough tests/integration tests/unit

lint: $(CHECKED) ## Format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-unit: $(CHECKED) ## Tests of the rooms and of the DAG files
	$(BIN)/pytest -n 2

test-integration: $(CHECKED) ## Tests with a real Airflow
	$(BIN)/pytest tests/integration

test-services: $(CHECKED) ## Tests that need Debian packages (installed if root)
	tests/services/run

lock: $(CHECKED) ## Compile requirements.txt and requirements-dev.txt anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt

clean: ## Stop Airflow and delete all state: the lake, the models, the database
	@if [ -x $(BIN)/lakemill ]; then $(BIN)/lakemill down; fi
	rm -rf .lakemill

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' \
		|| { echo "Python 3.11 or 3.12 is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (some minutes the first time)"
	@$(PIP) -r requirements.txt
	@$(PIP) --editable .
	@touch $@

$(CHECKED): $(INSTALLED) requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@
