# Two commands are enough: `make train` and `make test`. Both make .venv first; nothing else on the machine is touched.
# CONTRIBUTING.md says what `make test` leaves to `make test-all`.
#   make train ARGS="scene=single_object seed=1"      ARGS reach train.py
#   make test  ARGS="tests/test_arrows.py -x"         ARGS reach pytest
#   make venv PYTHON=/path/to/python3.12              another Python than the first suitable one
.DEFAULT_GOAL := help
.PHONY: help train test test-all lint format install venv clean

# the first of these that exists and is at least 3.11
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$name; break; }; done)
ARGS ?=
BIN := .venv/bin/python
STAMP := .venv/.installed

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

train: $(STAMP)  ## train on the default scene; ARGS="scene=single_object seed=1" reach train.py
	@$(BIN) train.py $(ARGS)

# A file's tests stay together: they share what they have trained. Each process computes with one thread (conftest.py).
PYTEST = $(BIN) -m pytest -n auto --maxprocesses 4 --dist loadfile

test: $(STAMP)  ## every test that protects a change, in five minutes; ARGS="tests/test_house.py -n 0" reach pytest
	@$(PYTEST) -m "not slow" $(ARGS)

test-all: $(STAMP)  ## these and the slow ones: whole programs, longer trainings, the released networks
	@$(PYTEST) $(ARGS)

lint: $(STAMP)  ## ruff (rules and format) and pyright
	@failed=0; \
	$(BIN) -m ruff check . || failed=1; \
	$(BIN) -m ruff format --check . || failed=1; \
	$(BIN) -m pyright --pythonpath $(BIN) || failed=1; \
	exit $$failed

format: $(STAMP)  ## put the code into the form that `make lint` asks for
	@$(BIN) -m ruff format .
	@$(BIN) -m ruff check --fix .

install: $(STAMP)  ## .venv with air3d and the versions of constraints.txt
	@:

# A torch 2.13.0 that is already in .venv, such as the small CPU build, satisfies the constraint and stays.
$(STAMP): pyproject.toml constraints.txt | $(BIN)
	@echo "Installing air3d and its libraries into .venv: once, a minute or a few ..."
	@$(BIN) -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[dev]' \
		|| { echo "The installation failed: the lines above say why; the same command goes on from here." >&2; exit 1; }
	@touch $@

venv: $(BIN)  ## only the empty .venv, to put another build of torch into it first
	@:

# pip is asked for as well: an environment whose making was interrupted has a python but no pip
$(BIN): $(if $(wildcard .venv/bin/pip),,FORCE)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "air3d needs Python 3.11 or newer ('$(PYTHON)' is not): make ... PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Making .venv with $(PYTHON) ..."
	@"$(PYTHON)" -m venv .venv \
		|| { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian and Ubuntu: python3-venv)." >&2; exit 1; }
FORCE:

clean:  ## remove .venv and all caches; runs stay
	rm -rf .venv *.egg-info .pytest_cache .hypothesis .ruff_cache
	find scenes renderers air3d tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
