# What there is to do with this repository. Each sets up what it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SDK    := .venv-sdk
DIST   := .venv-dist
# A lock is complete: pip resolves nothing, or a release that came after it could fail the installation.
LOCKED := -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r
DOCS   := .venv-docs
SITE   := build/site
# How many processes run tests at a time: two for each core, since tests wait as long as they compute.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(2 * (os.cpu_count() or 1), 8))')
# Where tests keep their files: in memory if there is room, since databases wait for a disk at each commit.
TEST_FILES ?= $(shell $(PYTHON) tests/kit/temporary_files.py)

# Or each of the many processes that tests start would compile all of satmint again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test check docs bench soak failover fuzz mutants pictures dist image image-test release-check matrix lock clean
.DEFAULT_GOAL := help

help:
	@echo "make run    start a development server, print what to paste (PORT, HTTPS_PORT)"
	@echo "make test   run every test, but the house rules of make check"
	@echo "make check  lint, types, house rules, the documentation site without warnings"
	@echo "make docs   the documentation site, and where to open it"
	@echo "make bench  measure, beside other servers"
	@echo "make soak   an hour of kills and faults, with every answer checked (SOAK_MINUTES, SOAK_KILLS)"
	@echo "make failover three PostgreSQL servers under Patroni, whose primary fails in eight ways (FAILOVER_MINUTES)"
	@echo "make fuzz   a million mutated inputs (FUZZ_INPUTS)"
	@echo "make mutants small mistakes in the code, each to be noticed by a test (MUTANTS, ROOMS)"
	@echo "make pictures take the pictures of docs/console.md anew; needs Chromium"
	@echo "make dist   the packages, checked, with a bill of materials, in dist/"
	@echo "make image  the container image localhost/satmint, with buildah, podman or docker (BUILDER, BASE)"
	@echo "make image-test build an image on a base of debootstrap's, and run it; needs root and buildah"
	@echo "make matrix the tests with the lowest versions, and on other Pythons and PostgreSQLs (MATRIX=postgres-15)"
	@echo "make setup  install into $(VENV); the others do so by themselves"

setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml packages/pytest-satmint/pyproject.toml
	@echo "Installing what satmint needs into $(VENV); this takes about a minute."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "satmint needs Python 3.11 or newer: make PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "satmint needs Python's venv module (Debian: python3-venv)"; exit 1; }
	@$(BIN)/python $(LOCKED) requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  -e . -e packages/pytest-satmint
	@touch $@

# The SDKs have an environment of their own, with nothing of the server in it.
$(SDK)/.installed: requirements/sdk.txt $(wildcard packages/*/pyproject.toml)
	@$(PYTHON) -m venv $(SDK)
	@$(SDK)/bin/python $(LOCKED) requirements/sdk.txt
	@$(SDK)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  -e packages/satmint-sdk -e packages/satmint-signalwire
	@touch $@

run: setup
	@$(BIN)/satmint dev $(if $(PORT),--port $(PORT)) $(if $(HTTPS_PORT),--https-port $(HTTPS_PORT))

# Two of the longest at the same time.
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs=2 check-types check-house $(SITE)/index.html

.PHONY: check-types check-house
check-types: setup
	$(BIN)/mypy
	cd packages/satmint-sdk && ../../$(BIN)/mypy
	cd packages/satmint-signalwire && ../../$(BIN)/mypy
	cd packages/pytest-satmint && ../../$(BIN)/mypy

check-house: setup
	$(BIN)/pytest tests/house

# The documentation site has an environment of its own. Its pages are made again when what they are made from has
# changed; a warning is an error.
$(DOCS)/.installed: requirements/docs.txt
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python $(LOCKED) requirements/docs.txt
	@touch $@

SITE_SOURCES := $(shell find *.md LICENSE benchmarks/README.md deploy/ docs/ packages/*/README.md packages/satmint-sdk/src \
  release/documentation -not -name '*.pyc' -not -name __pycache__)

$(SITE)/index.html: $(DOCS)/.installed $(SITE_SOURCES)
	$(DOCS)/bin/python -m release.documentation.build $(SITE)

docs: $(SITE)/index.html
	@echo "The documentation: file://$(abspath $<)"

test: export TMPDIR = $(TEST_FILES)
test: setup $(SDK)/.installed
	$(BIN)/pytest tests --ignore=tests/house --ignore=tests/timing -n $(WORKERS) --dist worksteal
	$(BIN)/pytest tests/timing
	@$(MAKE) --no-print-directory --jobs=3 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
	  test-sdk test-signalwire test-plugin

.PHONY: test-sdk test-signalwire test-plugin
test-sdk: $(SDK)/.installed
	cd packages/satmint-sdk && ../../$(SDK)/bin/pytest -n $(WORKERS) --dist worksteal

test-signalwire: $(SDK)/.installed
	cd packages/satmint-signalwire && ../../$(SDK)/bin/pytest

test-plugin: setup
	cd packages/pytest-satmint && ../../$(BIN)/pytest

bench: setup $(SDK)/.installed
	$(BIN)/python -m benchmarks

soak: setup $(SDK)/.installed
	$(BIN)/python -m tests.soak

# etcd, Patroni and HAProxy are Debian's; as root, they are installed, and machines have networks and disks.
failover: setup
	$(BIN)/python -m tests.failover

fuzz: setup
	nice $(BIN)/python -m tests.fuzz

mutants: setup $(SDK)/.installed
	nice $(BIN)/python -m tests.mutants --count $(or $(MUTANTS),40) $(ROOMS)

pictures: setup
	$(BIN)/python -m tests.console.pictures > /dev/null

# The environment of what builds and checks packages.
$(DIST)/.installed: requirements/dist.txt
	@$(PYTHON) -m venv $(DIST)
	@$(DIST)/bin/python $(LOCKED) requirements/dist.txt
	@touch $@

# AUDIT=--required makes it an error that nobody can be asked for known vulnerabilities.
dist: $(DIST)/.installed $(SITE)/index.html
	rm -rf dist
	$(DIST)/bin/python -m release.build dist $(SITE)
	$(DIST)/bin/twine check --strict dist/*
	$(DIST)/bin/check-wheel-contents dist/*.whl
	$(DIST)/bin/python -m release.sbom dist requirements/runtime.txt
	$(DIST)/bin/python -m release.audit $(AUDIT) requirements/runtime.txt

BUILDER ?= $(firstword $(foreach name,buildah podman docker,$(if $(shell command -v $(name)),$(name))))
# Buildah and podman write images without a health check, unless the format is docker's.
image: setup
	$(BIN)/python -m release.image dist/image
	$(BUILDER) build $(if $(filter docker,$(BUILDER)),,--format docker) $(if $(BASE),--build-arg BASE=$(BASE)) \
	  --tag localhost/satmint --file dist/image/Containerfile dist/image

image-test: setup
	SATMINT_TEST_IMAGE=1 nice $(BIN)/pytest tests/deploy/test_image.py -s

# Whether the source may be released as TAG.
release-check:
	@$(PYTHON) -m release.version "$(TAG)"

matrix: export TMPDIR = $(TEST_FILES)
matrix: setup $(SDK)/.installed
	nice $(BIN)/python -m release.matrix $(MATRIX)

# Pins and hashes anew; needs `uv`, which nothing else here does, and `npm`.
lock:
	cd requirements && for name in runtime dev sdk dist docs vendor swsh playwright deploy; do \
	  uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --python-version 3.11 $$name.in -o $$name.txt || exit 1; done
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 \
	  --resolution lowest-direct pyproject.toml -o requirements/lowest.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.11 \
	  --resolution lowest-direct --extra gateway packages/satmint-sdk/pyproject.toml -o requirements/lowest-sdk.txt
	cd tests/browser && npm install --package-lock-only

clean:
	rm -rf $(VENV) $(SDK) $(DIST) $(DOCS) build .venv-lowest .venv-vendor .venv-swsh .venv-playwright .venv-deploy dist tests/browser/node_modules .mypy_cache .ruff_cache .hypothesis .satmint
