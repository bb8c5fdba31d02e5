# Two commands matter: `make demo` tries everything on simulated data, `make test` runs the tests.
# Both set up what they need in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-dates lint bench soak docs clean

demo: $(VENV)/.installed
	$(BIN)/unpod-sync demo

test: $(VENV)/.developing
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-dates: $(VENV)/.developing
	$(BIN)/python -m tests.dates -n 2 --dist worksteal $(ARGS)

lint: $(VENV)/.linting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint sql

bench: $(VENV)/.developing
	$(BIN)/python -m tests.benchmarks

soak: $(VENV)/.developing
	$(BIN)/python -m tests.soak --histories $(or $(N),5000)

docs: $(VENV)/.developing
	$(BIN)/python -m tests.regenerate

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.developing: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/.linting: $(VENV)/.developing
	$(BIN)/python -m pip install --quiet --group lint
	touch $@
