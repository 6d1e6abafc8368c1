# Base models and what is required of them: {base} is <scale>/s<seed> where seeds draw one each, else <scale>.


rule base_model:
    """One base model, built here, from a folder or from the hub."""
    output:
        report="<model>/base.json",
        model=directory("<model>/model"),
    log:
        "<model>/base_model.log",
    cache: True  # Snakemake refuses benchmark: beside cache:, so the report says how long it took
    conda:
        "../../envs/local.yaml"
    resources:
        gpu=study.config.resources.base.gpus,
        mem_mb=study.config.resources.base.mem_mb,
        runtime=study.config.resources.base.minutes,
    params:
        scale=study.bases.settings,
        building=study.bases.building,
        recipe=study.bases.recipe,
        digest=study.bases.digest,
        ready=study.bases.ready,
    script:
        "../scripts/base_model.py"


rule check_rollouts:
    """Check that a base model leaves training something to do, or only measure it; a committed check is copied."""
    input:
        base="<model>/model",
        validation="<results>/data/validation.parquet",
    output:
        "<model>/check.json",
    log:
        "<model>/check.log",
    benchmark:
        "<model>/check.time.tsv"
    conda:
        "../../envs/local.yaml"
    resources:
        gpu=study.config.resources.base.gpus,
        mem_mb=study.config.resources.base.mem_mb,
        runtime=study.config.resources.base.minutes,
    params:
        recipe=study.bases.checked,
        ready=study.bases.ready_check,
        required=study.bases.required,
        seed=study.config.micro.seed,
    script:
        "../scripts/check_rollouts.py"


rule check_benchmarks:
    """Check what the untrained bases score on the benchmarks."""
    input:
        study.bases.untrained_scores,
    output:
        "<results>/models/check.json",
    log:
        "<results>/logs/check.log",
    benchmark:
        "<results>/logs/check.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.recipes.checks(),
    script:
        "../scripts/check_benchmarks.py"
