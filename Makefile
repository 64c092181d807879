# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
# The tests start many processes of Python: what one of them compiled, the others need not.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-sqlite test-postgres check lint types contracts migrations tsql openapi roles e2e screenshots bench azurite lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# One stamp per requirements file: installing again is skipped until the file changes.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=.")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv~=0.13'

.venv/%.installed: requirements/%.txt | .venv/bin/python
	@echo "Installing requirements/$*.txt …"
	UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r $<
	@touch $@

setup: .venv/base.installed ## install the product into .venv
	@echo "Ready. Next: cp .env.example .env, then $(BIN)/python manage.py migrate; see README.md."

demo: .venv/demo.installed ## the whole platform over a simulated Azure, until Ctrl-C
	@exec $(BIN)/python manage.py demo

test: check test-sqlite test-postgres ## every check and test that needs no browser
	@echo "The browser tests are not among these: make e2e runs them."

check: lint types contracts migrations tsql openapi roles ## all checks that need no test run

lint: .venv/dev.installed ## style of Python and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/djlint templates --lint --quiet

types: .venv/dev.installed ## strict types
	$(BIN)/mypy .

contracts: .venv/dev.installed ## who may import whom
	@$(BIN)/lint-imports | grep -vE '[╔╚║═╝]' | sed '/^ *$$/d'; exit $${PIPESTATUS[0]}

migrations: .venv/dev.installed ## no migration is missing
	$(BIN)/python manage.py makemigrations --check --dry-run

tsql: .venv/dev.installed ## every migration compiles to T-SQL
	$(BIN)/python -m tests.tsql

openapi: .venv/dev.installed ## docs/openapi.yaml is what the code answers
	$(BIN)/python manage.py spectacular --api-version v1 --validate --fail-on-warn | diff -u docs/openapi.yaml -

roles: .venv/dev.installed ## docs/roles.md is what the code asks for
	$(BIN)/python manage.py roles | diff -u docs/roles.md -

test-sqlite: .venv/dev.installed azurite ## the suite on SQLite (or on DATABASE_URL)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --quiet

test-postgres: .venv/dev.installed azurite ## what touches the database again, on a PostgreSQL of its own
	TEST_POSTGRES=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --quiet --database-only

e2e: .venv/dev.installed ## the portal in a real browser: journeys, accessibility (needs Chromium)
	@$(BIN)/python -m tests.e2e.chromium
	$(BIN)/python -m pytest tests/e2e -n $(WORKERS) --dist worksteal --quiet -o faulthandler_timeout=600

SCREENSHOTS ?= .screenshots
screenshots: .venv/dev.installed ## pictures of every page into SCREENSHOTS (.screenshots)
	@$(BIN)/python -m tests.e2e.chromium
	$(BIN)/python -m tests.e2e.screenshots $(SCREENSHOTS)

azurite: ## install Azure Blob Storage for the tests (where npm is; without it those tests are left out)
	@if ! command -v npm >/dev/null; then echo "No npm: the tests over Azurite are left out."; \
	elif ! [ tests/azurite/node_modules/.package-lock.json -nt tests/azurite/package-lock.json ]; then \
	  echo "Installing tests/azurite …"; npm ci --silent --prefix tests/azurite; fi

bench: .venv/dev.installed ## speed and memory, as ratios within one run
	$(BIN)/python -m bench

lock: .venv/dev.installed ## pin the newest versions that requirements/*.in allow
	for name in base demo dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command 'make lock' requirements/$$name.in -o requirements/$$name.txt; \
	done

clean: ## remove the environment and the demo's state
	rm -rf .venv .demo .simulator
