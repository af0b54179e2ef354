# Two commands do everything from a fresh clone: `make distill` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := true
# What is installed is compiled at its first import, and that has to be kept.
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

# The rows behind the tables, JOBS points side by side; stop it and give it again: it goes on.
# `kedro sweep` lists these and all other sweeps.
JOBS ?= 2
results: $(VENV)/installed  ## all rows behind the tables, some hours of two cores
	$(BIN)/kedro sweep results --jobs $(JOBS)

# Ratios of times, ten to twenty minutes on one core; DEVICE=cuda adds the largest model.
DEVICE ?= cpu
bench: $(VENV)/installed-dev  ## ratios of times
	$(BIN)/python -m benchmarks --device $(DEVICE)

# All that a graphics card is to show, nine minutes at most; `make gpu DEVICE=cpu SIZE=small` rehearses it.
# DATA: photos of Imagenette at 64 px, which a prior is trained on in the end.
OUT ?= build/gpu
MINUTES ?= 9
SIZE ?= full
DATA ?=
gpu: DEVICE = cuda
gpu: $(VENV)/installed-dev  ## what a graphics card does, in nine minutes
	$(BIN)/python -m benchmarks.gpu --device $(DEVICE) --size $(SIZE) --minutes $(MINUTES) --out $(OUT) $(if $(DATA),--data $(DATA))

# Do the tests find faults? A few hundred are put into a copy, one at a time; docs/testing.md.
mutants: $(VENV)/installed-dev  ## do the tests find faults?
	nice -n 10 $(BIN)/python -m tests.mutants --jobs $(JOBS)

# What happens around runs: kills, full disks, flipped bits ... on real processes; docs/reliability.md.
faults: $(VENV)/installed-dev  ## is anything lost, or wrong and kept?
	nice -n 10 $(BIN)/python -m tests.faults --jobs $(JOBS)

# Known holes of what is installed, by pip-audit, in an environment of its own: it asks the package index.
AUDIT := build/audit
audit: $(VENV)/installed  ## known holes of what is installed
	$(BIN)/python -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet pip-audit
	$(BIN)/python -m pip freeze --exclude-editable --local > $(AUDIT)/installed.txt
	$(AUDIT)/bin/pip-audit --requirement $(AUDIT)/installed.txt --no-deps --disable-pip

# Does every command of README and docs work? In a fresh clone, with small images; docs/testing.md.
docs-check: $(VENV)/installed-dev  ## does every command of README and docs work?
	$(INSTALL) '.[dev,notebooks]'
	$(BIN)/python -m tests.documented

# The pictures of pages in docs/figures, of digits alone; needs Chromium.
screenshots: $(VENV)/installed-dev  ## pictures of pages in docs/figures
	$(BIN)/kedro sweep screenshots --jobs $(JOBS)
	$(BIN)/python -m tests.screenshots
	SCREENSHOTS=docs/figures $(BIN)/python -m pytest -n 0 tests/test_viz.py tests/tracking/test_mlflow_page.py

# The wheel in an environment of its own, as others have it: some minutes.
WHEEL := build/wheel-check
SHORT := ipc=2,preset=smoke,jobs=1,trainings.networks=[convnet1],diffusion.num_inference_steps=10
wheel-check: $(VENV)/bin/python  ## the wheel in an environment of its own
	rm -rf $(WHEEL)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(WHEEL) .
	$(BIN)/python -m venv $(WHEEL)/env
	$(WHEEL)/env/bin/python -m pip install --quiet --constraint constraints.txt $(WHEEL)/*.whl
	cd $(WHEEL) && env/bin/mgd3-kedro new my-project
	cd $(WHEEL)/my-project && ../env/bin/mgd3-kedro run --params '$(SHORT)'
	cd $(WHEEL)/my-project && ../env/bin/kedro run --pipelines=export --params '$(SHORT)'
	cd $(WHEEL)/my-project && ../env/bin/kedro sweep && ../env/bin/mgd3-kedro registry list
	cp tests/library_example.py $(WHEEL) && cd $(WHEEL) && env/bin/python library_example.py ../../README.md

viz: $(VENV)/installed  ## the pipelines in Kedro-Viz
	$(BIN)/kedro viz run

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or later, got " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# Not compiled: Python does that for what is imported, which is a small part, at its first import.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) '.[dev]'
	touch $(VENV)/installed $@

clean:  ## remove the virtual environment
	rm -rf $(VENV)
