# Problems and benchmark items of the paper world, from what `snakemake fetch` brought here.


rule problems:
    """Draw problems, or take the hub's: for training, validation and testing."""
    output:
        train="<results>/data/train.parquet",
        validation="<results>/data/validation.parquet",
        test="<results>/data/test.parquet",
    log:
        "<results>/logs/problems.log",
    benchmark:
        "<results>/logs/problems.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        source=study.data.problem_source,
        lock=study.hub_lock,
        recipe=study.recipes.problems(),
    script:
        "../scripts/hub_problems.py"


rule benchmarks:
    """The questions of the five benchmarks, a file each."""
    output:
        expand("<results>/benchmarks/{name}.parquet", name=study.config.benchmarks),
    log:
        "<results>/logs/benchmarks.log",
    benchmark:
        "<results>/logs/benchmarks.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        sources=study.data.benchmark_sources,
        lock=study.hub_lock,
        recipe=study.recipes.benchmarks(),
    script:
        "../scripts/hub_benchmarks.py"
