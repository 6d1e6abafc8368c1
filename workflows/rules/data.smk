# Problems and benchmark items of the micro world.


rule problems:
    output:
        train="<results>/data/train.parquet",
        validation="<results>/data/validation.parquet",
        test="<results>/data/test.parquet",
    log:
        "<results>/data/problems.log",
    benchmark:
        "<results>/data/problems.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        settings=study.recipes.drawing(),
        recipe=study.recipes.problems(),
    script:
        "../scripts/problems.py"


rule benchmarks:
    output:
        expand("<results>/benchmarks/{name}.parquet", name=BENCHMARKS),
    log:
        "<results>/benchmarks/benchmarks.log",
    benchmark:
        "<results>/benchmarks/benchmarks.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        settings=study.recipes.drawing(),
        recipe=study.recipes.benchmarks(),
    script:
        "../scripts/benchmarks.py"
