# Two commands do everything from a fresh clone: `make distill` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
METHODS := random kmeans_closest unguided d4m mgd3
SEEDS := 0 1 2 3 4

export DO_NOT_TRACK := true
# A plug-in's own import triggers this one; it concerns nobody here.
export PYTHONWARNINGS := ignore::UserWarning:mlflow.pyfunc.utils.data_validation

.PHONY: distill test lint results viz clean

distill: $(VENV)/installed
	$(BIN)/kedro run --pipelines=distill

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The rows behind the README's table: five data sets per method, one training each.
results: $(VENV)/installed
	for seed in $(SEEDS); do for method in $(METHODS); do \
	  $(BIN)/kedro run --pipelines=distill --params method=$$method,seed=$$seed,trainings.repeats=1 \
	  || exit 1; \
	done; done
	$(BIN)/kedro run --pipelines=compare --params results=docs/results

viz: $(VENV)/installed
	$(BIN)/kedro viz run

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or later, got " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)
