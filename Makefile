# Every target does all the set-up it needs; what is done already is not done again. Stamps of finished steps are in .make/.
#
#   make demo       live matches on http://localhost:8080        make bench      measure, and hold the results against the bounds
#   make test       everything that shows that it works           make sanitize   native tests under ASan and UBSan
#   make lint       ruff, mypy, import arrows                     make dashboard  build the page alone
#   make conformance  Autobahn's 517 cases, plain and through TLS (about 10 minutes)
#   make fuzz       each target for SECONDS=60, native code built with sanitizers and branch counters; MERGE=1 keeps what is new
#   make churn      a million connects and disconnects    CHURN=10000 for fewer
#   make exactly-once  BOARD_EVENTS=200000 and the recordings, aggregators killed: every board against a recount in SQL
#   make rewind     REWINDS=100 random moments of each recording, step by step against its file
#   make lock       choose dependencies' versions anew            make generate   tables and types that are made from code
#   make browser    the page's long proofs in Chromium (about 25 minutes): frames, heap, outages, first sight; BROWSER="load scroll" for some
#   make screenshots  every page, light and dark, into build/screenshots
#   make wheel      what is installed elsewhere, into dist/       make clean      remove all that make has made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Tests start processes by the hundred: without kept bytecode each of them would compile all that it imports, for seconds.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
UV_PIP := VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip
LINTED := gateway tests loadtest setup.py
NATIVE := $(wildcard native/*.pyx native/*.pxd native/*.h) setup.py
PAGE := $(shell find dashboard -type f -not -path '*/node_modules/*' -not -path '*/test-results/*' -not -path '*/dist/*' 2>/dev/null)
PYTEST ?= tests
# Test files that run at once: most of a test is waiting for processes, and what files share they start for themselves.
JOBS ?= 2
, := ,

.PHONY: screenshots help demo test lint exactly-once rewind bench sanitize conformance fuzz dashboard lock generate clean browser chromium wheel churn proxies

help:
	@sed -n '3,$${/^#/!q;s/^# \{0,1\}//p}' Makefile

demo: .make/native .make/page
	@exec $(BIN)/grandstand demo $(DEMO)

test: .make/native .make/page lint chromium proxies
	@echo "testing the dashboard"
	@npm --prefix dashboard test --silent
	@echo "testing the gateway"
	@$(BIN)/pytest $(PYTEST) -m "not bench" -n $(JOBS) --dist loadfile

lint: .make/native
	@echo "checking style, types and import arrows"
	@$(BIN)/ruff check --quiet $(wildcard $(LINTED))
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .make/imports.log || { cat .make/imports.log; exit 1; }

bench: .make/native .make/peers
	@$(BIN)/python -m loadtest.bench $(BENCH)

conformance: .make/native
	@$(BIN)/python -m tests.wire.conformance $(CONFORMANCE)

SECONDS ?= 60
fuzz: .make/native
	@PYTHON=$(CURDIR)/$(BIN)/python SECONDS_EACH=$(SECONDS) sh tests/fuzz/fuzz.sh
churn: .make/native
	@CHURN=$(CHURN) $(BIN)/python -m loadtest.bench churn

BOARD_EVENTS ?= 200000
exactly-once: .make/native
	@BOARD_EVENTS=$(BOARD_EVENTS) $(BIN)/pytest -s tests/aggregate/boards/test_exactly_once.py

REWINDS ?= 100
rewind: .make/native
	@REWINDS=$(REWINDS) $(BIN)/pytest tests/system/test_rewind.py -k recording

sanitize: .make/native
	@echo "building and testing the native modules under ASan and UBSan"
	@PYTHON=$(CURDIR)/$(BIN)/python sh tests/native/sanitize.sh $(SANITIZE)

dashboard: .make/page

browser: .make/native .make/page chromium
	@$(BIN)/python -m tests.browser.long $(BROWSER)

screenshots: .make/native .make/page chromium
	@$(BIN)/python -m tests.browser.screenshots $(PAGES)

# Older files that setuptools has kept of the last time are not part of it; compiled objects are used again.
WHEELS ?= dist
wheel: .make/native .make/page
	@rm -rf build/lib* build/bdist*
	@$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation --disable-pip-version-check -w $(WHEELS) .

lock: .make/python
	@echo "choosing dependencies' versions"
	@$(UV) pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-header -o requirements.lock
	@$(UV) pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header -c requirements.lock -o requirements.runtime.lock

generate: .make/native
	@$(BIN)/python -m gateway.settings.document
	@$(BIN)/python -m gateway.observe.document
	@$(BIN)/python -m gateway.model.generate

clean:
	@rm -rf .venv .make build dist *.egg-info .import_linter_cache .grimp_cache gateway/page dashboard/dist dashboard/client/dist dashboard/node_modules native/*.so native/*.c native/*.html
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find gateway native tests loadtest -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- steps -----------------------------------------------------------------------------------------------------------

# need COMMAND, PACKAGES, TEST: installs Debian packages when the test fails and we are root; else says what to install.
define need
	@{ $(3) ; } >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $(2)"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2); } >/dev/null \
	      || { echo "make: $(1) is missing and could not be installed: apt-get install $(2)" >&2; exit 1; }; \
	  else echo "make: $(1) is missing: install it, on Debian by: sudo apt-get install $(2)" >&2; exit 1; fi; }
endef

.make/tools:
	@mkdir -p .make
	$(call need,Python 3.11 or newer,python3 python3-venv python3-dev,$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3$(,) 11))')
	$(call need,Python with venv,python3-venv,$(PYTHON) -c 'import venv$(,) ensurepip')
	$(call need,the headers of Python,python3-dev,$(PYTHON) -c 'import os$(,) sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")')
	$(call need,a C compiler,gcc libc6-dev,command -v gcc)
	$(call need,the headers of zlib,zlib1g-dev,echo '#include <zlib.h>' | gcc -E -)
	@touch $@

.make/node: | .make/tools
	$(call need,Node.js with npm,nodejs npm,command -v node && command -v npm)
	@node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' \
	  || { echo "make: Node.js $$(node --version) is too old: 20 or newer is needed" >&2; exit 1; }
	@touch $@

# Not needed by anything but tests/proxies, which say so and are skipped where these are missing.
proxies: | .make/tools
	@PATH="$$PATH:/usr/sbin"; command -v nginx >/dev/null && command -v haproxy >/dev/null || [ "$$(id -u)" != 0 ] \
	  || ! command -v apt-get >/dev/null || { echo "installing nginx-light haproxy"; \
	  apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light haproxy; } >/dev/null \
	  || echo "make: nginx and HAProxy could not be installed; tests/proxies will be skipped" >&2

chromium: | .make/tools
	$(call need,Chromium (for tests/browser),chromium,command -v chromium || command -v chromium-browser || command -v google-chrome)

.make/python: requirements.lock | .make/tools
	@[ -x $(BIN)/python ] || { echo "making .venv"; $(PYTHON) -m venv .venv; }
	@[ -x $(UV) ] || $(BIN)/python -m pip install -q --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)"
	@echo "installing Python packages"
	@$(UV_PIP) sync -q --require-hashes requirements.lock
	@touch $@

.make/project: pyproject.toml .make/python
	@echo "installing the project"
	@GRANDSTAND_SKIP_NATIVE=1 $(UV_PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

.make/native: $(NATIVE) .make/project
	@echo "building the native modules"
	@$(BIN)/python setup.py -q build_ext --inplace $(if $(wildcard $@),$(if $(filter setup.py,$?),--force))
	@touch $@

.make/npm: dashboard/package.json dashboard/package-lock.json | .make/node
	@echo "installing npm packages"
	@npm --prefix dashboard ci --silent --no-audit --no-fund
	@touch $@

.make/peers: loadtest/peers/package.json loadtest/peers/package-lock.json | .make/node
	@echo "installing the servers to measure against"
	@npm --prefix loadtest/peers ci --silent --no-audit --no-fund
	@touch $@

.make/page: $(PAGE) .make/npm
	@echo "building the page"
	@npm --prefix dashboard run build --silent
	@touch $@
