# Tests run side by side, in as many processes as there are cores but no more than four: each loads TensorFlow.
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist worksteal
# Each of them in one thread, as the threads of several processes wait for one another.
test test-graph: export OMP_NUM_THREADS ?= 1
test test-graph: export OPENBLAS_NUM_THREADS ?= 1
test test-graph: export TF_NUM_INTRAOP_THREADS ?= 1
test test-graph: export TF_NUM_INTEROP_THREADS ?= 1

# Every target does its own set-up in .venv; `make PYTHON=python3.12 test` uses another interpreter.
PYTHON ?= python3

# `KERAS_BACKEND=jax make test` or `=torch` tests that backend, in .venv-jax or .venv-torch, without TensorFlow.
export KERAS_BACKEND ?= tensorflow
OTHER := $(filter-out tensorflow,$(KERAS_BACKEND))
VENV := .venv$(if $(OTHER),-$(OTHER))
TESTED := .test$(if $(OTHER),-$(OTHER))
# The files of tests/keras that run there as well; what needs TensorFlow in them is skipped with its reason.
KERAS_TESTS_jax := losses
KERAS_TESTS_torch := deep_supervision heads losses missing_labels pooling saving taps task_losses task_metrics
TESTS ?= $(if $(OTHER),tests/backends $(KERAS_TESTS_$(OTHER):%=tests/keras/test_%.py))
# On Linux the PyTorch of the Python Package Index comes with CUDA, several GB. One without:
# `make test TORCH="torch --index-url https://download.pytorch.org/whl/cpu"`
TORCH ?= torch==2.13.0
BIN := $(VENV)/bin

.PHONY: demo install test test-graph lint dist docs clean

demo: $(VENV)/.demo
	$(BIN)/auxtasks demo

# What the tests need, and no more.
install: $(VENV)/$(TESTED)

test: $(VENV)/$(TESTED)
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(TESTS)

# All models are trained as Keras trains them by default, in graphs, which takes twice as long.
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
	rm -rf .venv .venv-jax .venv-torch build dist site *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.test-torch: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[test-torch]'
	touch $@

# A stamp a set of extras: installed again when the metadata changes.
$(VENV)/.%: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@
