# Quant Core. `make` alone lists what there is to do.
.DEFAULT_GOAL := help
.PHONY: help setup backtest test check engines clean

VENV := .venv
PYTHON := $(VENV)/bin/python
UV_VERSION := 0.13.9
UV := env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never \
	UV_COMPILE_BYTECODE=1 $(VENV)/bin/uv

# What is installed is remembered in files of the environment, so that a second call costs
# nothing: the installer by its version, the libraries by uv.lock.
INSTALLER := $(VENV)/.installer-$(UV_VERSION)
LIBRARIES := $(VENV)/.libraries
DEVELOPMENT := $(VENV)/.development

# Other engines want other libraries: each set stands in an environment of its own.
ENGINES := .venv-engines-pandas3/.installed .venv-engines-pandas2/.installed

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | \
		while IFS='#' read -r target text; do printf '%-16s %s\n' "$$target" "$$text"; done

setup: $(DEVELOPMENT) ## create .venv from uv.lock, development tools included
	@echo "$(VENV) is ready"

backtest: $(LIBRARIES) ## run the whole path on the synthetic market: data, factors, backtest
	@$(PYTHON) run_data_sync.py --source demo --dataset demo --if-empty
	@$(PYTHON) run_factor_computation.py --dataset demo
	@$(PYTHON) run_backtest.py

test: $(DEVELOPMENT) ## run every test and every example in the docstrings, with coverage
	@$(PYTHON) -m coverage erase
	@$(PYTHON) -m coverage run -m pytest --quiet --numprocesses auto
	@$(PYTHON) -m coverage combine --quiet
	@$(PYTHON) -m coverage report

check: $(DEVELOPMENT) ## format, lint, types, floors, tests: what a change must pass
	@scripts/check

engines: $(DEVELOPMENT) $(ENGINES) ## install other backtest engines apart from .venv and compare with them
	@$(PYTHON) -m tests.engines

clean: ## remove what tests and tools leave behind; data, results and .venv stay
	@rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
	@find . -name '.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLER):
	@scripts/create-environment $(VENV)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(LIBRARIES): $(INSTALLER) uv.lock
	@echo "Installing the libraries of uv.lock into $(VENV) ..."
	@$(UV) sync --locked --inexact --no-dev $$([ -t 2 ] || echo --quiet)
	@$(PYTHON) -m compileall -q config quant_core
	@echo "Compiling the session loop, once for each state of its sources ..."
	@$(PYTHON) -c "from quant_core import compiled_backtest, compiled_curve; \
		compiled_backtest.compile_ahead(); compiled_curve.compile_ahead()"
	@touch $@

$(DEVELOPMENT): $(LIBRARIES)
	@echo "Installing the development tools of uv.lock into $(VENV) ..."
	@$(UV) sync --locked --inexact $$([ -t 2 ] || echo --quiet)
	@touch $@

.venv-engines-%/.installed: tests/engines/requirements-%.txt | $(INSTALLER)
	@echo "Installing the engines of $< into $(@D) ..."
	@$(UV) venv --quiet --clear --python $(PYTHON) $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@
