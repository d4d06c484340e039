# Everything a person or CI does with this checkout. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test lint format unit bench simtest crashtest stormtest lock clean venv venv-core

# PYTHON makes .venv (3.11 to 3.13; after a change of it: make clean). Afterwards only .venv is used.
PYTHON ?= python3
ARGS ?=
WORKERS ?= 2

BIN := .venv/bin
# An already active environment must not take part in ours.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
UV := $(BIN)/uv --no-config --quiet
INSTALL := $(UV) pip install --python $(BIN)/python
LOCK := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header

# The typed rooms that are there; mypy refuses a name that is not.
ROOMS := bot config engine notifiers outcry render sandbox benchmarks
TYPED := $(patsubst %/__init__.py,%,$(wildcard $(ROOMS:%=%/__init__.py)))

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo 'Variables: PYTHON=python3 (makes .venv)  ARGS="--speed 60"  PORT=8080  HOST=127.0.0.1'

run: .venv/core.stamp  ## start the whole service on bundled market data (ARGS, PORT, HOST)
	@exec $(BIN)/python -m outcry demo $(ARGS)

test: lint unit  ## everything CI runs

unit: .venv/dev.stamp  # the tests without the lint; ARGS="-k name" chooses
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: .venv/dev.stamp  ## ruff, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(if $(TYPED),$(BIN)/mypy $(TYPED),echo 'mypy: no packages yet')

format: .venv/dev.stamp  ## put the code into the project's format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: .venv/dev.stamp  ## print the table of measured numbers
	@exec $(BIN)/python -m benchmarks $(ARGS)

simtest: .venv/dev.stamp  ## play 1,000 days at random on virtual time (ARGS="--seed 7", "--quiet-days 30")
	@exec $(BIN)/python -m tests.simulation $(ARGS)

crashtest: .venv/dev.stamp  ## kill the service at every await on the path of an order (ARGS="--sample 50", "--case NAME")
	@exec $(BIN)/python -m tests.crash $(ARGS)

stormtest: .venv/dev.stamp  ## ten minutes of every fault at random (ARGS=3600, "60 --seed 7")
	@exec $(BIN)/python -m tests.storm $(ARGS)

clean:  ## remove .venv, caches and build output (never ./var, which holds state)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

lock: .venv/uv.stamp  ## resolve requirements/*.in anew; ARGS="--upgrade-package NAME" moves one
	@cd requirements && for name in bootstrap core dev; do \
	    ../$(LOCK) $(ARGS) $$name.in --output-file $$name.lock; done

# What the targets above stand on. A stamp is newer than the lock it was installed from, so a second
# run does nothing here: no network, no check.
venv: .venv/dev.stamp
venv-core: .venv/core.stamp

.venv/uv.stamp: requirements/bootstrap.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit( \
	    f"Outcry needs Python 3.11 to 3.13; $(PYTHON) is {v[0]}.{v[1]}. Try: make PYTHON=/path/to/python3")'
	@echo 'setting up .venv (once; a minute or two) ...'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r $<
	@touch $@

# --compile-bytecode: without it, and with PYTHONDONTWRITEBYTECODE set, every start compiles anew.
.venv/%.stamp: requirements/%.lock pyproject.toml .venv/uv.stamp
	@$(INSTALL) --require-hashes --compile-bytecode -r $<
	@$(INSTALL) --offline --no-deps --no-build-isolation --editable .
	@touch $@

