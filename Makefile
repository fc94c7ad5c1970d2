# Every target does its own set-up in .venv, once: `make demo`, `make test`, `make lint`, `make docs`, `make bench`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Branch coverage of floors 0-6 in percent (which files those are: [tool.coverage.report] in pyproject.toml).
# The goal is 100; the number may only rise.
COVERAGE ?= 100
WORKERS ?= 2
# The examples of a page follow each other, so a file stays with one worker.
# Whether a check passes must not hang on chance: examples are made up, but always the same. Run pytest itself for others.
export HYPOTHESIS_PROFILE ?= ci
EXTRAS := cli,crypto,docx,otel,parquet,report,rules,search,site,spark,sql,testing,xes,zh

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
STEP := @printf '\n== %s\n'

.PHONY: help demo test lint floors types docs bench built lowest highest sbom clean

help:
	@echo 'make demo    write two reports to out/demo'
	@echo 'make test    every check: lint, floors, types, docs, tests'
	@echo 'make lint    ruff, codespell and the floors'
	@echo 'make docs    build the documentation to build/docs'
	@echo 'make built   every test against the wheel, without src'
	@echo 'make lowest  floors 0-6 with the oldest libraries; make highest: with the newest'
	@echo 'make sbom    what an installation consists of, to build/sbom.json (CycloneDX)'
	@echo 'make bench   measure against peers, write bench/RESULTS.md'
	@echo 'make clean   remove what these made, but for .venv'

# Set-up. The stamps hold it to once; a changed pyproject.toml or constraints.txt asks for it again.
.venv/library: pyproject.toml constraints.txt
	$(STEP) 'set-up: a virtual environment with the library ($@)'
	@test -n '$(PYTHON)' || { echo 'crmkit needs Python 3.11 or newer: make PYTHON=/path/to/python3' >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --upgrade pip
	@$(PIP) --editable '.[$(EXTRAS)]'
	@touch $@

.venv/workshop: .venv/library
	$(STEP) 'set-up: the tools of the workshop ($@)'
	@$(PIP) --group tests --group lint --group typing --group docs
	@touch $@

.venv/bench: .venv/library
	$(STEP) 'set-up: the peers to measure against ($@)'
	@$(PIP) --group bench
	@touch $@

demo: .venv/library
	$(STEP) 'demo: two reports to out/demo'
	@$(BIN)/crmkit demo --out out/demo

lint: .venv/workshop
	$(STEP) 'lint: ruff, its format, spelling'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell src docs bench examples *.md *.py
	@$(MAKE) floors

floors: .venv/workshop
	$(STEP) 'floors: imports go down only'
	@$(BIN)/lint-imports --no-cache | sed -n '/^Analyzed/,$$p'

types: .venv/workshop
	$(STEP) 'types: mypy'
	@$(BIN)/mypy
	$(STEP) 'types: pyright'
	@$(BIN)/pyright --pythonpath $(BIN)/python

docs: .venv/workshop
	$(STEP) 'docs: every reference resolves, no warning'
	@$(BIN)/sphinx-build -E -n -W --keep-going -q -b html -d build/doctrees docs build/docs
	@echo 'build/docs/index.html'

# pytest comes last: its closing line is the closing line of the whole run.
test: lint types docs
	$(STEP) 'tests: with the examples in README, docs and docstrings'
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term --cov-fail-under=$(COVERAGE)

bench: .venv/bench
	$(STEP) 'bench: ratios against peers, in interleaved runs'
	@$(BIN)/python bench/run.py

# What floors 0 to 6 are tested by. Spark stands above them, and tzdata is for Windows.
FLOORS := tests/values tests/test_calendars*.py tests/test_events.py tests/test_door.py tests/test_desk*.py \
	tests/test_loop.py tests/journal tests/feed tests/rules tests/pipeline tests/metrics tests/kb tests/improve tests/privacy
PYTEST = -m pytest -q -n $(WORKERS) --dist loadfile -p no:cacheprovider

lowest:
	$(STEP) 'lowest: floors 0-6 with the oldest libraries that pyproject.toml promises (constraints-lowest.txt)'
	@test -x build/lowest/bin/python || $(PYTHON) -m venv build/lowest
	@grep -vE '^(#|pyspark|tzdata)' constraints-lowest.txt > build/lowest/requirements.txt
	@build/lowest/bin/python -m pip install --quiet --disable-pip-version-check -r build/lowest/requirements.txt
	@build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@build/lowest/bin/python $(PYTEST) $(FLOORS)

highest:
	$(STEP) 'highest: floors 0-6 with the newest libraries there are'
	@test -x build/highest/bin/python || $(PYTHON) -m venv build/highest
	@build/highest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@build/highest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
		--editable '.[$(EXTRAS)]' --group tests
	@build/highest/bin/python $(PYTEST) $(FLOORS)

# The tests are copied, so that no src lies beside them.
built: .venv/workshop
	$(STEP) 'built: the wheel in an environment of its own, without src'
	@rm -rf build/wheel build/built/tests && mkdir -p build/wheel
	@$(BIN)/python -m build --no-isolation --wheel --outdir build/wheel . > build/wheel/log
	@test -x build/built/bin/python || $(PYTHON) -m venv build/built
	@build/built/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@build/built/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--force-reinstall "$$(ls build/wheel/*.whl)[$(EXTRAS)]"
	@build/built/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group tests
	@mkdir build/built/tests && cp -r tests conftest.py pyproject.toml README.md docs examples bench build/built/tests/
	@rm -rf build/built/tests/tests/house
	@cd build/built/tests && ../bin/python $(PYTEST) tests

sbom: .venv/workshop
	$(STEP) 'sbom: what an installation with all extras consists of (build/sbom.json)'
	@$(PIP) --group sbom
	@test -x build/sbom/bin/python || $(PYTHON) -m venv build/sbom
	@build/sbom/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt '.[$(EXTRAS)]'
	@build/sbom/bin/python -m pip uninstall --quiet --yes pip setuptools
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json build/sbom/bin/python
	@echo 'build/sbom.json'

clean:
	@rm -rf out build dist .coverage .coverage.* .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +
