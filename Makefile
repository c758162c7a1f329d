# `make help` lists the targets. `make train` and `make test` are all that a fresh machine needs: they make .venv and
# install what is pinned in constraints.txt. Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help train test test-quick test-all check docs build clean
.DEFAULT_GOAL := train

help: # list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*# \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

train: $(VENV)/.installed # train on bundled digits, or make train ARGS="init=he steps=500"
	$(BIN)/python train.py $(or $(ARGS),experiment=dcgan_digits)

# One thread for each of the two workers: with more they wait for each other most of the time.
test test-quick test-all: export OMP_NUM_THREADS := 1

test: $(VENV)/.installed-test check # all tests but the slow ones, after make check; ARGS are pytest's
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

test-quick: $(VENV)/.installed-test # the tests of what differs from main, those that failed first; or BASE=COMMIT
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --failed-first $(ARGS) $$($(BIN)/python -m tests.changed $(BASE))

test-all: $(VENV)/.installed-test check # the slow tests too
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: $(VENV)/.installed-test # ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs # the documentation as a site, in site/, which a browser opens without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(ARGS)

build: $(VENV)/.installed-test # the source distribution and the wheel, in dist/
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 315532800) $(BIN)/python -m build --no-isolation

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ganlab needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Installed again only when what is to be installed has changed.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(BIN)/python -m pip uninstall --quiet --yes ganlab 2>/dev/null || true # the name before 0.2, with the same command
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean: # remove .venv and what tools left
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache
