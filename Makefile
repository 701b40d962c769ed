# Two commands: `make run` shows the product, `make test` proves it. Both need Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOAK_SECONDS ?= 600

.PHONY: help run venv test check soak bench clean

help:  ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

$(VENV)/.run: pyproject.toml setup.py $(wildcard proto/l7mp/mesh/v1/*.proto)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("l7mp-mesh needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

run: $(VENV)/.run  ## Install and run the demo (Ctrl-C ends it)
	$(BIN)/l7mp-mesh demo

venv: $(VENV)/.dev  ## Make .venv with everything that tests and checks need

test: $(VENV)/.dev  ## Run every test (below 10 minutes)
	$(BIN)/python -m pytest

check: $(VENV)/.dev  ## Format, lint, types, import rules, file length
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_house.py

soak: $(VENV)/.dev  ## Long fuzz and endurance runs (SOAK_SECONDS, default 600)
	L7MP_SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -m soak --timeout=3600
	L7MP_SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest tests/routing tests/control/native

bench: $(VENV)/.dev  ## CPU per HTTP/1.1 request, against Envoy
	$(BIN)/python bench/h1.py

clean:  ## Remove what was built
	rm -rf $(VENV) .venv-envoy build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find l7mp_mesh xds_server tests -name __pycache__ -prune -exec rm -rf {} +
	rm -f l7mp_mesh/api/*.binpb
