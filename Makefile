# What there is to do with this repository. Each sets up what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SDK    := .venv-sdk

.PHONY: setup run test check bench soak fuzz lock clean
.DEFAULT_GOAL := help

help:
	@echo "make run    start a development server, print what to paste"
	@echo "make test   run every test"
	@echo "make check  lint, types, house rules"
	@echo "make bench  measure, beside the floor and other servers"
	@echo "make soak   an hour of kills and faults, every answer judged (SOAK_MINUTES, SOAK_KILLS)"
	@echo "make fuzz   a million spoiled inputs (FUZZ_INPUTS)"
	@echo "make setup  install into $(VENV); the others do so by themselves"

setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "satmint needs Python 3.11 or newer: make PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "satmint needs Python's venv module (Debian: python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The SDK has an environment of its own, with nothing of the server in it.
$(SDK)/.installed: requirements/sdk.txt sdk/pyproject.toml
	@$(PYTHON) -m venv $(SDK)
	@$(SDK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/sdk.txt
	@$(SDK)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e sdk
	@touch $@

run: setup
	@$(BIN)/satmint dev

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd sdk && ../$(BIN)/mypy
	$(BIN)/pytest tests/house

test: setup $(SDK)/.installed
	$(BIN)/pytest tests
	cd sdk && ../$(SDK)/bin/pytest

bench: setup
	$(BIN)/python -m benchmarks

soak: setup
	$(BIN)/python -m tests.proof.soak

fuzz: setup
	nice $(BIN)/python -m tests.proof.fuzz

# Pins and hashes anew; needs `uv`, which nothing else here does, and `npm`.
lock:
	cd requirements && for name in runtime dev sdk vendor; do \
	  uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --python-version 3.11 $$name.in -o $$name.txt || exit 1; done
	cd tests/browser && npm install --package-lock-only

clean:
	rm -rf $(VENV) $(SDK) .venv-vendor tests/browser/node_modules .mypy_cache .ruff_cache .hypothesis .satmint
