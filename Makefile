# Everything needs Python >= 3.11, git and make; the rest is installed into .venv from requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help setup demo up test lint format bench lock clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(VENV)/.installed  ## install into .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tidegate needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "installing into $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

demo: setup  ## the main job: a surge of changes, then the proof that the warehouse equals the org
	@$(BIN)/tidegate demo $(ARGS)

up: setup  ## sandbox and engine on this machine, until Ctrl-C
	@$(BIN)/tidegate up $(ARGS)

test: setup  ## every test; starts the real parts that it needs
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

lint: setup  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup  ## let ruff write the code's layout
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup  ## the highest rate at which the engine keeps up, and processor time by step
	@$(BIN)/python -m benchmarks.capacity $(ARGS)

lock: setup  ## write requirements.lock anew from pyproject.toml
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --group sandbox --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

clean:  ## forget the environment and all local state
	@rm -rf $(VENV) var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
