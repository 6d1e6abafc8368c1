# Problems and benchmark items of the micro world.


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
        settings=study.recipes.drawing(),
        recipe=study.recipes.problems(),
    script:
        "../scripts/problems.py"


rule benchmarks:
    """The questions of the five benchmarks, a file each."""
    output:
        expand("<results>/benchmarks/{name}.parquet", name=BENCHMARKS),
    log:
        "<results>/logs/benchmarks.log",
    benchmark:
        "<results>/logs/benchmarks.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        settings=study.recipes.drawing(),
        recipe=study.recipes.benchmarks(),
    script:
        "../scripts/benchmarks.py"
