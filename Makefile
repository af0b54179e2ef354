# Two commands do everything from a fresh clone: `make distill` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := true
# Installed packages are compiled at their first import (see INSTALL); the bytecode must be written to disk.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help distill test lint results bench gpu mutants faults audit docs-check screenshots wheel-check viz clean

help:
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1:\t\2/p' Makefile | expand -t 20

distill: $(VENV)/installed  ## distil the embedded digits and evaluate them
	$(BIN)/kedro run --pipelines=distill

test: $(VENV)/installed-dev lint  ## lint and run the whole test suite
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Makes the rows behind the tables, JOBS points in parallel. If it is stopped, the same command continues.
# `kedro sweep` lists these and all other sweeps.
JOBS ?= 2
results: $(VENV)/installed  ## all rows behind the tables, some hours on two cores
	$(BIN)/kedro sweep results --jobs $(JOBS)

# Measures ratios of times, in ten to twenty minutes on one core; DEVICE=cuda adds the largest model.
DEVICE ?= cpu
bench: $(VENV)/installed-dev  ## measure ratios of times
	$(BIN)/python -m benchmarks --device $(DEVICE)

# All measurements of a graphics card, in nine minutes at most. `make gpu DEVICE=cpu SIZE=small` runs them all at small
# sizes on the CPU, as a rehearsal. DATA: folder with the photos of Imagenette at 64 px; the last part trains a prior
# on them.
OUT ?= build/gpu
MINUTES ?= 9
SIZE ?= full
DATA ?=
gpu: DEVICE = cuda
gpu: $(VENV)/installed-dev  ## measure a graphics card, in nine minutes
	$(BIN)/python -m benchmarks.gpu --device $(DEVICE) --size $(SIZE) --minutes $(MINUTES) --out $(OUT) $(if $(DATA),--data $(DATA))

# Do the tests find faults? Puts a few hundred faults into a copy of the code, one at a time; see docs/testing.md.
mutants: $(VENV)/installed-dev  ## do the tests find faults?
	nice -n 10 $(BIN)/python -m tests.mutants --jobs $(JOBS)

# Runs real processes with kills, full disks, flipped bits and other faults; see docs/reliability.md.
faults: $(VENV)/installed-dev  ## are results lost or wrong after faults?
	nice -n 10 $(BIN)/python -m tests.faults --jobs $(JOBS)

# Checks installed packages for known vulnerabilities. pip-audit has its own environment, and uses the package index.
AUDIT := build/audit
audit: $(VENV)/installed  ## known vulnerabilities of installed packages
	$(BIN)/python -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet pip-audit
	$(BIN)/python -m pip freeze --exclude-editable --local > $(AUDIT)/installed.txt
	$(AUDIT)/bin/pip-audit --requirement $(AUDIT)/installed.txt --no-deps --disable-pip

# Does every command of README and docs work? Runs them in a fresh clone, with small images; see docs/testing.md.
docs-check: $(VENV)/installed-dev  ## does every command of README and docs work?
	$(INSTALL) '.[dev,notebooks]'
	$(BIN)/python -m tests.documented

# Makes the screenshots in docs/figures; they show only digits. It needs Chromium.
screenshots: $(VENV)/installed-dev  ## screenshots in docs/figures
	$(BIN)/kedro sweep screenshots --jobs $(JOBS)
	$(BIN)/python -m tests.screenshots
	SCREENSHOTS=docs/figures $(BIN)/python -m pytest -n 0 tests/test_viz.py tests/tracking/test_mlflow_page.py

# Installs the wheel in a new environment, as users do, and runs it there. It takes some minutes.
WHEEL := build/wheel-check
SHORT := ipc=2,preset=smoke,jobs=1,trainings.networks=[convnet1],diffusion.num_inference_steps=10
wheel-check: $(VENV)/bin/python  ## test the wheel in a new environment
	rm -rf $(WHEEL)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(WHEEL) .
	$(BIN)/python -m venv $(WHEEL)/env
	$(WHEEL)/env/bin/python -m pip install --quiet --constraint constraints.txt $(WHEEL)/*.whl
	cd $(WHEEL) && env/bin/mgd3-kedro new my-project
	cd $(WHEEL)/my-project && ../env/bin/mgd3-kedro run --params '$(SHORT)'
	cd $(WHEEL)/my-project && ../env/bin/kedro run --pipelines=export --params '$(SHORT)'
	cd $(WHEEL)/my-project && ../env/bin/kedro sweep && ../env/bin/mgd3-kedro registry list
	cp tests/library_example.py $(WHEEL) && cd $(WHEEL) && env/bin/python library_example.py ../../README.md

viz: $(VENV)/installed  ## show the pipelines in Kedro-Viz
	$(BIN)/kedro viz run

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or later, got " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# pip compiles nothing: Python compiles at the first import, and only the small part that is imported.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[dev]'
	touch $(VENV)/installed $@

clean:  ## remove the virtual environment
	rm -rf $(VENV)
