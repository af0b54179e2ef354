# Two commands do everything from a fresh clone: `make distill` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := true

.PHONY: distill test lint results methods length reconstructed labels networks tune bench viz clean

distill: $(VENV)/installed
	$(BIN)/kedro run --pipelines=distill

test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The rows behind the tables: one data set and one training on it a point, JOBS points side by side,
# one per core. Stop any of them and give the command again: it goes on. ENV names the benchmark, DATA
# where its images are, if they have to be given, PARAMS any other parameters:
# make methods ENV=imagenette64 DATA=/path/to/them PARAMS=evaluation.compile=true,evaluation.precision=bf16
JOBS ?= 2
ENV ?= mnist
comma := ,
GIVEN := $(if $(DATA),$(comma)data=$(DATA))$(if $(PARAMS),$(comma)$(PARAMS))
RUN := $(BIN)/kedro run --env $(ENV)
sweep = $(BIN)/kedro sweep --env $(ENV) --pipelines=$(1) --jobs $(JOBS) --params jobs=1,trainings.repeats=1$(GIVEN)
TRAINING := $(call sweep,distill)
SWEEP := $(call sweep,distill --to-nodes=collect_rows)
TEACHER := $(RUN) --pipelines=train_teacher --params jobs=1$(GIVEN)
COMPARE := $(RUN) --pipelines=compare --params
COMMITTED := results=docs/results,figures=docs/figures

SAMPLED := random,kmeans_closest,unguided,d4m,mgd3
METHODS_mnist := $(SAMPLED),herding,k_center,minimax,rded,dm,idc1,sre2l
METHODS_imagenette64 := $(SAMPLED),herding
OTHER_METHODS_mnist := $(SAMPLED)
OTHER_METHODS_imagenette64 := $(METHODS_imagenette64)
OTHER_IPC_mnist := 1,50
OTHER_IPC_imagenette64 := 20,50
SEEDS_mnist := --over seed=0,1,2,3,4
SEEDS_imagenette64 := --over seed=0,1,2
SEEDS := $(SEEDS_$(ENV))
TEACHER_OF_METHODS_mnist = $(TEACHER)

results: methods labels networks ablations mixture

methods: $(VENV)/installed
	$(TEACHER_OF_METHODS_$(ENV))
	$(TRAINING) --name methods $(SEEDS) --over method=$(METHODS_$(ENV))
	$(SWEEP) --name other-ipc $(SEEDS) --over method=$(OTHER_METHODS_$(ENV)) --over ipc=$(OTHER_IPC_$(ENV))
	$(call sweep,train_full --to-nodes=full.collect_rows) --name full $(SEEDS)
	$(COMPARE) results=docs/results
	$(RUN) --pipelines=report_methods --params $(COMMITTED)

# What more epochs change, of photos, up to as many as published.
length: $(VENV)/installed
	$(SWEEP) --name $@ $(SEEDS) --over method=random,unguided,mgd3 --over preset=short,paper
	$(COMPARE) results=docs/results

# What drawn images lack because of the autoencoder: photos that random keeps, as it reconstructs them.
reconstructed: $(VENV)/installed
	$(SWEEP),method=random --name $@ $(SEEDS) --over ipc=10,20,50 --over methods.random.reconstructed=true
	$(COMPARE) results=docs/results

labels: $(VENV)/installed
	$(TEACHER)
	cp data/08_reporting/$(ENV)/test/teacher/teacher_metrics.json docs/results/$(ENV)_teacher.json
	$(SWEEP),evaluation.epochs=250,variant=-labels --name labels --over protocol=hard,soft,soft_stored --over seed=0,1,2
	$(COMPARE) results=docs/results

# Every network sees 4000 images: 100 distilled ones 40 times, or all train digits once.
NETWORKS := [convnet3; alexnet; vgg11; resnet18_bn; resnet_ap10; resnet18; vit; resnet50; resnet101]
ONE_OF_EACH := jobs=1,trainings.repeats=1,trainings.networks=$(NETWORKS)

networks: $(VENV)/installed
	$(RUN) --pipelines=distill --to-nodes=collect_rows --params '$(ONE_OF_EACH)$(GIVEN),evaluation.epochs=40,variant=-networks'
	$(RUN) --pipelines=train_full --to-nodes=full.collect_rows --params '$(ONE_OF_EACH)$(GIVEN),evaluation.epochs=1,variant=-networks'
	$(COMPARE) results=docs/results

# A prior of the benchmark's own, and what says how good it is.
.PHONY: prior
prior: $(VENV)/installed
	$(RUN) --pipelines=pretrain --params jobs=-1$(GIVEN)
	cp data/08_reporting/$(ENV)/pretrain/denoising.csv docs/results/$(ENV)_denoising.csv
	cp data/08_reporting/$(ENV)/pretrain/memorisation.csv docs/results/$(ENV)_memorisation.csv
	cp data/08_reporting/$(ENV)/pretrain/memorisation.png docs/figures/$(ENV)_memorisation.png

# What a better prior changes: a denoiser with four times the tokens, in the latents of the same
# autoencoder and with the same knobs, beside the prior that is there.
LARGE := ,variant=-large,model=data/06_models/$(ENV)-large
LARGE_DENOISER := ,pretrain.autoencoder.given=data/06_models/$(ENV)/vae,pretrain.denoiser.patch_size=2,pretrain.denoiser.layers=8,pretrain.denoiser.head_dim=64,pretrain.denoiser.precision=bf16,pretrain.denoiser.steps=15000,pretrain.denoiser.batch_size=64
.PHONY: prior-large tune-guidance-large methods-large length-large
prior-large: $(VENV)/installed
	$(RUN) --pipelines=pretrain --params jobs=-1,variant=-large$(LARGE_DENOISER)$(GIVEN)
	cp data/08_reporting/$(ENV)/pretrain-large/denoising.csv docs/results/$(ENV)-large_denoising.csv
	cp data/08_reporting/$(ENV)/pretrain-large/memorisation.csv docs/results/$(ENV)-large_memorisation.csv

tune-guidance-large: $(VENV)/installed
	$(SWEEP)$(LARGE),split=holdout,method=unguided --name $@ --over diffusion.guidance_scale=$(GUIDANCE_$(ENV)) --over seed=0,1
	$(HELD_OUT)

methods-large: $(VENV)/installed
	$(SWEEP)$(LARGE) --name $@ $(SEEDS) --over method=unguided,mgd3 --over ipc=10,20,50
	$(COMPARE) results=docs/results

length-large: $(VENV)/installed
	$(SWEEP)$(LARGE),preset=paper --name $@ $(SEEDS) --over method=unguided,mgd3 --over ipc=10,20
	$(COMPARE) results=docs/results

# What every part of the method does: a sweep over one knob each, three data sets a point, shorter
# trainings. `make ablate-stop` runs one.
STEPS_mnist := 50,45,40,35,30,25,20,15,10,5,0
STEPS_imagenette64 := 50,40,30,20,10,0
SCALES_mnist := 0,0.05,0.1,0.2,0.3,0.5,1
SCALES_imagenette64 := 0,0.05,0.1,0.2,0.4
FINDERS := kmeans,kmeans_closest,kmeans_pooled,kmeans_pca,gmm,bisecting_kmeans,agglomerative,dbscan,random
over_stop := sampling.stop_guidance_step=$(STEPS_$(ENV))
over_scale := sampling.mode_guidance_scale=$(SCALES_$(ENV))
over_finder := modes.mode_finder=$(FINDERS)
over_sampler := sampling.mode_guidance_scale=0.05,0.1,0.2,0.4 --over diffusion.sampler=ddpm,ddim
over_ipc := ipc=1,2,5,10,20,50,100 --over method=mgd3,random
over_component := method=unguided,kmeans_closest,mgd3
ABLATIONS := stop scale finder sampler component ipc
knob_sampler := ,knob=mode_guidance_scale
knob_component := ,knob=method

.PHONY: ablations $(ABLATIONS:%=ablate-%) mixture
ablations: $(ABLATIONS:%=ablate-%)

$(ABLATIONS:%=ablate-%): ablate-%: $(VENV)/installed
	$(TRAINING),preset=quick --name $* --over $(over_$*) --over seed=0,1,2
	$(RUN) --pipelines=report_sweep,show_sweep --params $(COMMITTED),sweep=$*$(knob_$*)

# What goes beyond the paper, tried on held-out train digits: a sweep over one option each, beside
# the plain method of the first.
try_plain := method=mgd3
try_adaptation := sampling.mode_guidance_adaptation=0.5,1
try_schedule := sampling.mode_guidance_schedule=linear,cosine
try_tangent := sampling.tangent_components=10,30 --over sampling.mode_guidance_scale=0.2,0.4,0.8
try_repulsion := sampling.repulsion_scale=0.25,0.5
try_coupling := sampling.noise_coupling=transport
try_candidates := sampling.candidates=2,4,8 --over sampling.candidate_score=coverage,confidence
try_pooled := modes.mode_finder=kmeans_pooled
try_weights := trainings.mode_weight_exponent=0.5,1
OPTIONS := plain adaptation schedule tangent repulsion coupling candidates pooled weights

.PHONY: options $(OPTIONS:%=try-%)
options: $(VENV)/installed
	$(TEACHER),split=holdout
	$(MAKE) $(OPTIONS:%=try-%)
	$(COMPARE) split=holdout,results=docs/results/options

$(OPTIONS:%=try-%): try-%: $(VENV)/installed
	$(SWEEP),preset=quick,split=holdout --name try-$* --over $(try_$*) --over seed=0,1,2

# The paper's first figure: a mixture whose modes are known.
mixture: $(VENV)/installed
	$(BIN)/kedro run --pipelines=illustrate --params $(COMMITTED)

# The rows the knobs were chosen by: mode discovery on most of the train images of a class, evaluation on
# the others. The guidance scale is chosen for the unguided samples; the knobs of mode guidance at that
# scale, which has to be in the environment by then. Photos need more: with ten images per class
# accuracies vary as much as the knobs do.
GUIDANCE_mnist := 1.0,2.0
GUIDANCE_imagenette64 := 1.0,2.0,3.0,4.0,6.0
PULLS_mnist := 0.1,0.2,0.3
PULLS_imagenette64 := 0.05,0.1,0.2
MORE_TUNING_imagenette64 := tune-finder tune-many tune-length
BALANCED := kmeans_pca,kmeans_pooled
HELD_OUT := $(COMPARE) split=holdout,results=docs/results/tuning
.PHONY: tune tune-guidance tune-modes tune-finder tune-many tune-length
tune: tune-guidance tune-modes $(MORE_TUNING_$(ENV))

tune-guidance: $(VENV)/installed
	$(SWEEP),split=holdout,method=unguided --name $@ --over diffusion.guidance_scale=$(GUIDANCE_$(ENV)) --over seed=0,1
	$(HELD_OUT)

tune-modes: $(VENV)/installed
	$(SWEEP),split=holdout --name $@ --over sampling.mode_guidance_scale=$(PULLS_$(ENV)) --over sampling.stop_guidance_step=0,25 --over seed=0,1
	$(HELD_OUT)

# Other modes: real latents, and means of clusters that no outlier has to itself; three data sets.
tune-finder: $(VENV)/installed
	$(SWEEP),split=holdout --name $@ --over method=unguided,mgd3 --over seed=0,1,2
	$(SWEEP),split=holdout,modes.pool=4 --name $@-others --over modes.mode_finder=kmeans_closest,$(BALANCED) --over seed=0,1,2
	$(HELD_OUT)

# The same, an earlier stop and a stronger pull, with 50 images per class.
tune-many: $(VENV)/installed
	$(SWEEP),split=holdout,ipc=50,method=unguided --name $@-unguided --over seed=0
	$(SWEEP),split=holdout,ipc=50 --name $@ --over modes.mode_finder=kmeans,kmeans_closest --over sampling.stop_guidance_step=25,35 --over sampling.mode_guidance_scale=0.1,0.2 --over seed=0
	$(SWEEP),split=holdout,ipc=50,modes.pool=4 --name $@-others --over modes.mode_finder=$(BALANCED) --over seed=0
	$(HELD_OUT)

# Longer trainings.
tune-length: $(VENV)/installed
	$(SWEEP),split=holdout,preset=short --name $@ --over method=random,unguided,mgd3 --over seed=0,1
	$(HELD_OUT)

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
