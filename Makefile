# Needs Python 3.11 or newer, make and pip. Everything is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: parity parity-quick bench test lint setup clean

parity: $(VENV)/ready
	$(BIN)/python -m parity $(ARGS)

parity-quick: $(VENV)/ready
	$(BIN)/python -m parity --quick

bench: $(VENV)/ready
	$(BIN)/python -m benchmarks $(ARGS)

test: $(VENV)/ready lint
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

lint: $(VENV)/ready
	$(BIN)/ruff check .

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet -e ".[parity,bench,test]"
	touch $@

clean:
	rm -rf $(VENV) reports
