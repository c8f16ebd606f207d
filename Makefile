# Conductor. `make run` and `make test` are the two to know; `make help` lists them all.
# Needs make and Python 3.11 or newer; everything else goes into .venv.
#     make run PYTHON=/usr/bin/python3.12 PORT=8600 HOST=192.168.1.5

SHELL := /bin/sh
VENV_PYTHON := .venv/bin/python
PYTEST := $(VENV_PYTHON) -m pytest
PIP_COMPILE := $(VENV_PYTHON) -m uv pip compile --quiet --universal --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-emit-find-links --python-version 3.11

# tcsh and conda export a HOST that names the machine: from the environment only an address counts.
ifeq ($(origin HOST),environment)
HOST := $(filter localhost 0.% 10.% 127.% 172.% 192.% ::%,$(HOST))
endif
ADDRESS = $(if $(HOST),CONDUCTOR_HOST='$(HOST)') $(if $(PORT),CONDUCTOR_PORT='$(PORT)')

.PHONY: help run install test test-long checks form lint format bench doctor screenshots lock
.DEFAULT_GOAL := help

help: ## list these commands
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: .venv/installed-run ## install once, then serve the dashboard on http://127.0.0.1:8501 (PORT=, HOST=, PYTHON=)
	@exec env $(ADDRESS) $(VENV_PYTHON) -m dashboard

install: ## install again what the dashboard needs
	@rm -f .venv/installed-run
	@$(MAKE) --no-print-directory .venv/installed-run

# Two at a time, since tests wait more than they compute: for servers, for killed processes, for pages. Those of faults
# measure times and share the machine with the check of types alone. The browser's have processes of their own because
# Playwright keeps a loop of its own.
test: checks ## format, lint, types and every test, at small counts
	@$(PYTEST) -n 2 --dist loadfile -m "not e2e" --ignore tests/faults
	@$(VENV_PYTHON) -m mypy & types=$$!; $(PYTEST) tests/faults; tests=$$?; wait $$types && exit $$tests
	@$(PYTEST) -n 2 --dist loadfile -m e2e

test-long: ## the same at full counts
	@CONDUCTOR_TEST_SCALE=$(or $(CONDUCTOR_TEST_SCALE),20) $(MAKE) --no-print-directory test

checks: .venv/installed-dev
	@$(VENV_PYTHON) -m scripts.browser
	@$(VENV_PYTHON) -m scripts.postgres
	@$(VENV_PYTHON) -m scripts.clients
	@$(MAKE) --no-print-directory form

form: .venv/installed-dev
	@$(VENV_PYTHON) -m ruff format --check --quiet .
	@$(VENV_PYTHON) -m ruff check --quiet .

lint: form ## format check, lint and types
	@$(VENV_PYTHON) -m mypy

format: .venv/installed-dev ## put every file into its form
	@$(VENV_PYTHON) -m ruff format .
	@$(VENV_PYTHON) -m ruff check --fix .

bench: .venv/installed-dev ## every measurement in benchmarks/, one after the other
	@for file in $$(grep -l '^def main' benchmarks/*.py); do \
		name=$$(basename $$file .py); echo "== $$name"; $(VENV_PYTHON) -m benchmarks.$$name || exit 1; \
	done

doctor: .venv/installed-run ## check whether the figures are what the calls add up to (REBUILD=1 puts them right)
	@$(VENV_PYTHON) -m conductor_core.doctor $(if $(REBUILD),--rebuild)

screenshots: .venv/installed-dev ## take the README's pictures anew
	@$(VENV_PYTHON) -m scripts.browser
	@$(VENV_PYTHON) -m scripts.screenshots

lock: .venv/installed-dev ## pin and hash the requirements anew (UPGRADE=1 for newer versions)
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements-dev.in -o requirements-dev.txt
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements-clients.in -o requirements-clients.txt
	$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) --no-deps requirements-local.in -o requirements-local.txt

# Each stamp is left last, by scripts/install.py: an interrupted install leaves none and is taken up again.
.venv/installed-run: $(VENV_PYTHON) requirements.txt requirements-local.txt $(if $(shell test -x $(VENV_PYTHON) && echo there),,gone)
	@$(VENV_PYTHON) scripts/install.py run

.venv/installed-dev: .venv/installed-run requirements-dev.txt
	@$(VENV_PYTHON) scripts/install.py dev

# A venv whose Python is gone (a dangling link, after an upgrade) is made anew, and then its stamp is worth nothing.
.PHONY: gone
$(VENV_PYTHON):
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python scripts/install.py venv; \
		fi; \
	done; \
	echo "No Python 3.11 or newer was found as: $(or $(PYTHON),python3, python3.11 to python3.14, python)." \
		"Install one, or name it: make run PYTHON=/path/to/python3.11" >&2; exit 1
