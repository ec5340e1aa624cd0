PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help env test lint pytest
help:
	@echo "make demo   phantoms -> training -> evaluation -> one anomaly volume, with pictures (no download)"
	@echo "make test   ruff, mypy and pytest"
	@echo "make clean  remove what make demo made"

# The stamp makes the environment a file that make can compare with what it is built from.
env: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'MONAI-SAR needs Python 3.11 or newer: make PYTHON=python3.11 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

test: lint pytest

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pytest: env
	$(BIN)/pytest
