# Every target sets up what it needs: a virtual environment in .venv, from pinned requirements.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin

# pytest rewrites every assertion. Without bytecode files it would do so again in each process of each run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

# The first Python that is new enough; PYTHON=... names another.
.venv/pyvenv.cfg:
	@for python in $${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi
	done
	[ -n "$${found:-}" ] || { echo "Python 3.11 or newer is needed: sudo apt install python3" >&2; exit 1; }
	"$$found" -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: sudo apt install python3-venv" >&2; exit 1; }
	"$$found" -m venv .venv || { rm -rf .venv; echo "The virtual environment .venv could not be made." >&2; exit 1; }

.venv/.run: .venv/pyvenv.cfg requirements.txt
	@echo "Installing the requirements into .venv (once) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt || { echo "pip could not install requirements.txt: see above." >&2; exit 1; }
	touch $@

.venv/.dev: .venv/.run requirements-dev.txt requirements-docs.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt || { echo "pip could not install requirements-dev.txt: see above." >&2; exit 1; }
	touch $@

.venv/.bench: .venv/.dev requirements-bench.txt bench/install.sh
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt || { echo "pip could not install requirements-bench.txt: see above." >&2; exit 1; }
	./bench/install.sh
	touch $@

.venv/.docs: .venv/.run requirements-docs.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt || { echo "pip could not install requirements-docs.txt: see above." >&2; exit 1; }
	touch $@

.PHONY: run
run: .venv/.run ## The walk-through: HTTPS on localhost, an embedded directory, a demo client
	@exec $(BIN)/flask serve --walkthrough

.PHONY: serve
serve: .venv/.run ## The production server, with your NETID_... settings
	@exec $(BIN)/flask serve

.PHONY: servers
servers: # Installs the servers that tests run, where it may
	@./tests/servers/install.sh

# More arguments for pytest, such as PYTEST_ARGS="tests/login -k floor".
PYTEST_ARGS ?=

.PHONY: quick
quick: .venv/.dev ## The tests that need no server
	@# SQLite waits for the disk at each commit, but not on a file system in memory.
	free=$$(df --output=avail --block-size=1M /dev/shm 2>/dev/null | tail -n 1) || free=0
	[ "$${free:-0}" -lt 1024 ] || export TMPDIR=/dev/shm
	$(BIN)/pytest -q -n auto --dist worksteal -m "not server and not slow" --durations=10 $(PYTEST_ARGS)

.PHONY: test
test: .venv/.dev servers ## The tests, against real servers where they can be installed
	@$(BIN)/pytest -q -n auto -m "not exhaustive" --durations=10 $(PYTEST_ARGS)

.PHONY: test-all
test-all: .venv/.dev servers ## Every test, the costly cases too, with ten times as many generated examples
	@$(BIN)/pytest -q -n auto --durations=10 --hypothesis-profile=thorough $(PYTEST_ARGS)

.PHONY: lint
lint: .venv/.dev ## ruff, mypy and the rules of the house
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/house

.PHONY: types
types: .venv/.dev ## mypy alone
	@$(BIN)/mypy

.PHONY: format
format: .venv/.dev ## Write the code as ruff would
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: .venv/.docs ## The documentation as a site with search, in build/site
	@$(BIN)/python -m docs.site.build build/site
	echo "Open build/site/index.html."

.PHONY: docs-commands
docs-commands: .venv/.run ## docs/commands.md, from the commands' own help
	@$(BIN)/python -m docs.site.commands

.PHONY: translations
translations: .venv/.run ## The catalogues of the pages' texts, from the code and the templates
	@./web/translations/update.sh

.PHONY: page-pictures
page-pictures: .venv/.dev servers ## Pictures of every page in docs/pages, to be looked at
	@$(BIN)/python -m tests.browser.pictures docs/pages

.PHONY: bench
bench: .venv/.bench servers ## Tokens and checks a second, beside a naive server (minutes; on an idle machine)
	@$(BIN)/python -m bench.compare

.PHONY: bench-directory
bench-directory: .venv/.bench servers ## What a login costs at the directory, by several ways
	@$(BIN)/python -m bench.directory

.PHONY: bench-scale
bench-scale: .venv/.bench servers ## What many tokens and many people cost, and a purge beside logins
	@$(BIN)/python -m bench.scale

.PHONY: bench-commands
bench-commands: .venv/.run ## What a command costs, with few clients and with 10,000
	@$(BIN)/python -m bench.commands

.PHONY: bench-campus
bench-campus: .venv/.dev ## A simulated campus leaves the password grant by docs/way-out.md in 18 virtual months (minutes)
	@$(BIN)/python -m bench.campus

.PHONY: profile
profile: .venv/.bench servers ## Where the CPU of a token goes, by layer and by function
	@$(BIN)/python -m bench.profile
