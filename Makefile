# Two commands do everything from a fresh clone: `make distill` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
METHODS := random kmeans_closest unguided d4m mgd3
SEEDS := 0 1 2 3 4

export DO_NOT_TRACK := true

.PHONY: distill test lint results tune bench viz clean

distill: $(VENV)/installed
	$(BIN)/kedro run --pipelines=distill

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The rows behind the README's tables. Each seed is one data set per method and one training on it,
# in bf16, which is twice as fast where the processor has it; seeds run side by side, one per core.
RUN := $(BIN)/kedro run --pipelines=distill --to-nodes=collect_rows \
  --params jobs=1,trainings.repeats=1,evaluation.precision=bf16
SIDE_BY_SIDE := xargs -P 2 -I{} env OMP_NUM_THREADS=1 sh -ec
FIRST := $(BIN)/kedro run --pipelines=encode --params
COMPARE := $(BIN)/kedro run --pipelines=compare --params

results: $(VENV)/installed
	$(FIRST) split=test
	printf '%s\n' $(SEEDS) | $(SIDE_BY_SIDE) 'for method in $(METHODS); do \
	  $(RUN),seed={},method=$$method; done'
	$(COMPARE) results=docs/results

# The rows the knobs were chosen by: mode discovery on 300 of the 400 train digits of a class,
# evaluation on the other 100. The guidance scale is chosen for the unguided samples.
tune: $(VENV)/installed
	$(FIRST) split=holdout
	printf '%s\n' 0 1 | $(SIDE_BY_SIDE) 'for cfg in 1.0 2.0; do \
	  $(RUN),split=holdout,seed={},method=unguided,diffusion.guidance_scale=$$cfg,variant=-cfg$$cfg; done; \
	  for knobs in 0.2-0 0.2-25 0.3-0 0.1-25; do \
	  $(RUN),split=holdout,seed={},sampling.mode_guidance_scale=$${knobs%-*},sampling.stop_guidance_step=$${knobs#*-},variant=-$$knobs; done'
	$(COMPARE) split=holdout,results=docs/results/tuning

# Ratios of times, about ten minutes on one core; DEVICE=cuda adds the largest model.
DEVICE ?= cpu
bench: $(VENV)/installed
	$(BIN)/python -m benchmarks --device $(DEVICE)

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
