# Advantages of tokens at some states of the policy, and every method's credit on the same rollouts -> how well they agree.


rule truth:
    input:
        data="<results>/data/train.parquet",
        base=study.truth.base,
        check=study.cells.base_check,
        adapter=study.truth.adapter,
        prepared=study.truth.prepared,
    output:
        report="<results>/truth/{scale}/{state}/s{seed}/truth.json",
        rollouts="<results>/truth/{scale}/{state}/s{seed}/rollouts.jsonl",
    log:
        "<results>/truth/{scale}/{state}/s{seed}/truth.log",
    cache: True  # Snakemake refuses benchmark: beside cache:, so the report says how long it took
    conda:
        conda_file("local")
    container:
        image_file("local")
    resources:
        gpu=study.config.resources.gradients.gpus,
        mem_mb=study.config.resources.gradients.mem_mb,
        runtime=study.config.resources.gradients.minutes,
    params:
        plan=study.truth.plan,
    script:
        "../scripts/truth.py"


rule truth_estimates:
    input:
        study.truth.measured,
    output:
        estimates="<results>/truth/estimates.jsonl",
        measurements="<results>/truth/measurements.jsonl",
        shown="<results>/truth/shown.jsonl",
    log:
        "<results>/logs/truth_estimates.log",
    benchmark:
        "<results>/logs/truth_estimates.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.truth.estimates,
    script:
        "../scripts/truth_estimates.py"
