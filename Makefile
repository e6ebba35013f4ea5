# What a person or a CI machine does here, by name. `make` lists it.
# Needs make, Python 3.11 or newer with venv and pip, and a network the first time. No compiler.

# The first of these that is new enough; name another with `make test PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTEST := $(BIN)/python -m pytest
RECIPE := pyproject.toml constraints.txt
# Over an earlier installation pip would list what is there already, a line each.
QUIETLY_AGAIN = $(if $(wildcard $@),--quiet)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check style unit env fetch browser peers ray vllm-env test-vllm clean

help: ## List the targets
	@echo "xcluster: organise an image collection with natural language"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) \
		| while IFS='|' read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done
	@echo
	@echo "The environment lies in $(VENV), made with $(or $(PYTHON),(no Python 3.11 or newer found))."

demo: $(VENV)/.demo-ready ## Run the main job on real photographs with real models, and print the result
	@echo "== Model files: 1.1 GB the first time, kept in your cache folder for all workspaces"
	@$(BIN)/xcluster fetch
	@echo "== Photographs"
	@$(BIN)/xcluster demo --folder demo
	@echo "== The main job; interrupt it whenever you like, the next run goes on from there"
	@$(BIN)/xcluster run demo/photos --workspace demo/photos.xcluster --yes
	@echo
	@echo "Explore and steer it:    $(BIN)/xcluster ui demo/photos.xcluster"
	@echo "Open the contact sheet:  demo/photos.xcluster/report/index.html, in any browser"
	@echo "Run it again, quickly:   make demo"
	@echo "Name a criterion:        $(BIN)/xcluster run demo/photos --criterion Setting"
	@echo "Take your own pictures:  $(BIN)/xcluster run FOLDER"
	@echo "See what can be done:    $(BIN)/xcluster --help"

test: $(VENV)/.test-ready fetch ## Make the environment, get the model files, run all tests but vLLM's
	@echo "== All tests but those of the vLLM server (make test-vllm)"
	@$(PYTEST) -m "not vllm"

check: style unit ## Format, lint, types, import layers and unit tests: run it before each commit

style: $(VENV)/.test-ready ## Format, lint, types and import layers only
	@echo "== Format"
	@$(BIN)/ruff format --check .
	@echo "== Lint"
	@$(BIN)/ruff check .
	@echo "== Types"
	@$(BIN)/mypy
	@echo "== Import layers"
	@$(BIN)/lint-imports

unit: $(VENV)/.test-ready ## Tests that need neither model files, nor a server, nor a browser
	@echo "== Unit tests"
	@$(PYTEST) -m "not model and not vllm and not slow and not browser"

env: $(VENV)/.test-ready ## Make the environment for tests, no more
	@echo "== The environment is ready in $(VENV)"

fetch: $(VENV)/.demo-ready ## Get the embedded models' files (1.1 GB, once)
	@echo "== Model files: 1.1 GB the first time, kept in your cache folder for all workspaces"
	@$(BIN)/xcluster fetch

browser: ## Install Debian's Chromium for the tests of the app, where this is allowed
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then \
		echo "== Chromium is there"; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "== Installing Chromium"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends chromium; \
	else \
		echo "There is no Chromium. On Debian: sudo apt-get install chromium; elsewhere, put a 'chromium' on the" >&2; \
		echo "PATH. Without it the tests marked 'browser' are skipped." >&2; exit 1; \
	fi

peers: $(VENV)/.demo-ready ## Install BERTopic, to compare with (240 MB on disk; no torch)
	@echo "== Installing BERTopic and what it needs into $(VENV)"
	@$(PIP) install --quiet -c constraints.txt -e '.[peers]'
	@# It asks for sentence-transformers, hence torch, which it does not need when it is given embeddings.
	@$(PIP) install --quiet --no-deps -c constraints.txt bertopic

ray: $(VENV)/.demo-ready ## Install Ray, to ask from a cluster (200 MB on disk)
	@echo "== Installing Ray into $(VENV)"
	@$(PIP) install --quiet -c constraints.txt -e '.[ray]'

vllm-env: $(VENV)/.test-ready ## Make the separate environment of the vLLM tests (2.5 GB; Linux, Python 3.11)
	@echo "== The environment of the vLLM tests, in .venv-vllm"
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "The vLLM tests need Python 3.11 in $(VENV): make clean, then make vllm-env PYTHON=python3.11" >&2; exit 1; }
	@$(BIN)/python -m tests.vllm.prepare

test-vllm: vllm-env ## Run the tests against a real vLLM server on the CPU
	@echo "== Tests of a real vLLM server"
	@$(PYTEST) -m vllm

clean: ## Remove the environments, the demo and the tools' caches; model files stay in your cache folder
	rm -rf $(VENV) .venv-vllm demo xcluster.egg-info build dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "PYTHON=$(PYTHON) is not a Python 3.11 or newer." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make environments: its venv module is not complete." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv (or python3.11-venv), then try again." >&2; exit 1; }
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "== Going on with the environment found in $(VENV)"; \
	else \
		echo "== Making an environment in $(VENV) with $$("$(PYTHON)" --version)"; \
		rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV); \
	fi
	@touch $@

$(VENV)/.demo-ready: $(RECIPE) | $(VENV)/.made
	@echo "== Installing xcluster and what it needs into $(VENV) (about 1.6 GB on disk)"
	@$(PIP) install $(QUIETLY_AGAIN) -c constraints.txt -e '.[demo,app]'
	@touch $@

$(VENV)/.test-ready: $(RECIPE) | $(VENV)/.made
	@echo "== Installing xcluster, what it needs and the tools of its tests into $(VENV) (about 1.9 GB on disk)"
	@$(PIP) install $(QUIETLY_AGAIN) -c constraints.txt -e '.[dev,demo,parquet,app]'
	@touch $@ $(VENV)/.demo-ready
