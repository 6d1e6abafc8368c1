# Gradients of all methods on the same rollouts, at some states of the policy -> signal, noise and direction.


rule gradients:
    input:
        data="<results>/data/train.parquet",
        base=study.gradients.base,
        check=study.cells.base_check,
        adapter=study.gradients.adapter,
        prepared=study.gradients.prepared,
    output:
        report="<results>/gradients/{scale}/{state}/s{seed}/gradients.json",
        products="<results>/gradients/{scale}/{state}/s{seed}/gradients.safetensors",
    log:
        "<results>/gradients/{scale}/{state}/s{seed}/gradients.log",
    cache: True  # Snakemake refuses benchmark: beside cache:, so the report says how long it took
    conda:
        conda_file("local")
    container:
        image_file("local")
    threads: study.gradients.processes
    resources:
        gpu=study.config.resources.gradients.gpus,
        mem_mb=study.config.resources.gradients.mem_mb,
        runtime=study.config.resources.gradients.minutes,
    params:
        plan=study.gradients.plan,
    script:
        "../scripts/gradients.py"


rule gradient_estimates:
    input:
        study.gradients.measured,
    output:
        estimates="<results>/gradients/estimates.jsonl",
        measurements="<results>/gradients/measurements.jsonl",
    log:
        "<results>/logs/gradient_estimates.log",
    benchmark:
        "<results>/logs/gradient_estimates.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.gradients.estimates,
    script:
        "../scripts/gradient_estimates.py"
