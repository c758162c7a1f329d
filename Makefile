# `make train` and `make test` are all that a fresh machine needs: they make .venv and install what is pinned in
# constraints.txt. Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: train test test-all check clean
.DEFAULT_GOAL := train

train: $(VENV)/.installed
	$(BIN)/python train.py $(or $(ARGS),experiment=dcgan_digits)

# One thread for each of the two workers: with more they wait for each other most of the time.
test test-all: export OMP_NUM_THREADS := 1

test: $(VENV)/.installed-test check
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

test-all: $(VENV)/.installed-test check
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ganlab needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Installed again only when what is to be installed has changed.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
