# From a fresh clone: `make demo` shows what nestmotion does, `make test` checks that it does it.
# Environments are git-ignored folders here, reinstalled only when what they are made of changes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

DEMO := .venv-demo
TEST := .venv-test
BUILD := .venv-build
PIP := bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

PROMPT := a person walks forward, then waves with the right hand
GLTF_VALIDATOR := gltf-validator@2.0.0-dev.3.10

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
endif

define environment
@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c '$(NEW_ENOUGH)'; then \
	echo "nestmotion needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
@echo "installing into $(@D)"
@"$(PYTHON)" -m venv $(@D)
endef

.PHONY: help demo test check fix build clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(DEMO)/.installed ## generate a clip with what generation needs (no torch) and name the files
	@mkdir -p out
	@$(DEMO)/bin/nestmotion generate "$(PROMPT)" --seconds 6 --seed 0 --force \
		--out out/demo.glb --out out/demo.bvh --out out/demo.html
	@echo "open out/demo.html in a browser; out/demo.glb and out/demo.bvh in Blender"

# loadfile: what a file's tests share, trainings among it, is made once and not by each worker.
test: check ## run the checks and every test that is not slow
	OMP_NUM_THREADS=1 $(TEST)/bin/pytest -n 2 --dist loadfile -rs -m "not slow"

check: $(TEST)/.installed ## lint, format, types, import rules
	$(TEST)/bin/ruff check
	$(TEST)/bin/ruff format --check
	$(TEST)/bin/mypy
	$(TEST)/bin/lint-imports

fix: $(TEST)/.installed ## format, and mend what the linter can
	$(TEST)/bin/ruff check --fix
	$(TEST)/bin/ruff format

build: $(BUILD)/.installed ## wheel and source archive in dist/
	rm -rf dist
	$(BUILD)/bin/python -m hatchling build -d dist

clean: ## remove environments, builds and caches; out/ and runs/ stay
	rm -rf $(DEMO) $(TEST) $(BUILD) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(DEMO)/.installed: pyproject.toml constraints.txt $(shell find src -type f -not -name '*.pyc')
	$(environment)
	@$(DEMO)/$(PIP) .
	@touch $@

$(TEST)/.installed: pyproject.toml constraints.txt
	$(environment)
	@$(TEST)/$(PIP) --editable '.[train,studio,dev]'
	@if command -v npm >/dev/null; then \
		npm install --prefix $(TEST) --no-save --no-audit --no-fund --silent $(GLTF_VALIDATOR) \
		|| echo "no $(GLTF_VALIDATOR): the tests that need it will be skipped"; fi
	@touch $@

$(BUILD)/.installed: constraints.txt
	$(environment)
	@$(BUILD)/$(PIP) hatchling
	@touch $@
