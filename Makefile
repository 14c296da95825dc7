# Tests run side by side, in as many processes as there are cores but no more than four: each loads TensorFlow.
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist worksteal

# Every target does its own set-up in .venv; `make PYTHON=python3.12 test` uses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-graph lint dist docs clean

demo: $(VENV)/.demo
	$(BIN)/auxtasks demo

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# All models are trained as Keras trains them by default, in graphs compiled by XLA, which takes twice as long.
test-graph: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST_ARGS) --graph

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What is published, in dist/: the source with all that its tests need, and the wheel that is built from it.
dist: $(VENV)/.test
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/twine check --strict dist/*

# The site, in site/; pictures and pages of tasks are made from the registry.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist site *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# A stamp a set of extras: installed again when the metadata changes.
$(VENV)/.%: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@
