# One cell: method x scale x variant x seed -> an adapter.


rule train:
    """Train one cell; it goes on from its last checkpoint."""
    input:
        data="<results>/data/train.parquet",
        validation="<results>/data/validation.parquet",
        base=study.cells.base,
        check=study.cells.base_check,
        prepared=study.cells.prepared,
    output:
        cell="<cell>/cell.json",
        steps="<cell>/train.jsonl",
        run="<cell>/run.json",
        rollouts="<cell>/rollouts.parquet",
        adapter=directory("<cell>/adapter"),
    log:
        "<cell>/train.log",
    cache: True  # Snakemake refuses benchmark: beside cache:, so wall time and peak memory go into run.json
    conda:
        conda_file(study.recipes.train_role)
    container:
        image_file(study.recipes.train_role)
    resources:
        gpu=study.config.resources.train.gpus,
        mem_mb=study.config.resources.train.mem_mb,
        runtime=study.config.resources.train.minutes,
    params:
        cell=study.cells.record,
    script:
        "../scripts/train.py"
