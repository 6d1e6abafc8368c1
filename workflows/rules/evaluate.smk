# A cell's adapter, or the untrained base -> answers to every benchmark question -> scores; its rollouts -> credit.


ruleorder: untrained > train


rule untrained:
    """The record of an untrained base, so that it is evaluated like any cell."""
    output:
        "<results>/cells/base/{scale}/{variant}/s{seed}/cell.json",
    log:
        "<results>/cells/base/{scale}/{variant}/s{seed}/untrained.log",
    benchmark:
        "<results>/cells/base/{scale}/{variant}/s{seed}/untrained.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        cell=study.bases.untrained_record,
    script:
        "../scripts/untrained.py"


rule evaluate:
    """Ask one cell every question of the benchmarks."""
    input:
        cell="<cell>/cell.json",
        adapter=study.cells.adapter,
        base=study.cells.base,
        benchmarks=expand("<results>/benchmarks/{name}.parquet", name=study.config.benchmarks),
    output:
        samples="<cell>/eval/samples.parquet",
        raw=directory("<cell>/eval/lmms"),
    log:
        "<cell>/eval/evaluate.log",
    cache: True
    conda:
        conda_file(study.recipes.evaluation_role)
    container:
        image_file(study.recipes.evaluation_role)
    resources:
        gpu=study.config.resources.evaluate.gpus,
        mem_mb=study.config.resources.evaluate.mem_mb,
        runtime=study.config.resources.evaluate.minutes,
    params:
        settings=study.cells.evaluation_settings,
        answers=study.cells.answers,
        recipe=study.cells.evaluation,
    script:
        study.cells.evaluation_script


rule repeat:
    """The same evaluation with other sampling noise."""
    input:
        cell="<cell>/cell.json",
        adapter=study.cells.adapter,
        base=study.cells.base,
        benchmarks=expand("<results>/benchmarks/{name}.parquet", name=study.config.benchmarks),
    output:
        samples="<cell>/repeats/{repeat}/samples.parquet",
        raw=directory("<cell>/repeats/{repeat}/lmms"),
    log:
        "<cell>/repeats/{repeat}/evaluate.log",
    wildcard_constraints:
        repeat=r"\d+",
    cache: True
    conda:
        conda_file(study.recipes.evaluation_role)
    container:
        image_file(study.recipes.evaluation_role)
    resources:
        gpu=study.config.resources.evaluate.gpus,
        mem_mb=study.config.resources.evaluate.mem_mb,
        runtime=study.config.resources.evaluate.minutes,
    params:
        settings=study.cells.repeat_settings,
        answers=study.cells.repeat_answers,
        recipe=study.cells.repeat_evaluation,
    script:
        study.cells.evaluation_script


rule score:
    """Score the answers of one cell."""
    input:
        cell="<cell>/cell.json",
        samples="<cell>/eval/samples.parquet",
        raw="<cell>/eval/lmms",
    output:
        "<cell>/eval/scores.json",
    log:
        "<cell>/eval/score.log",
    benchmark:
        "<cell>/eval/score.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.cells.scores,
    script:
        "../scripts/score.py"


rule credit:
    """Score how well one cell's credit finds the tokens that decide an answer."""
    input:
        "<cell>/rollouts.parquet",
    output:
        "<cell>/credit.jsonl",
    log:
        "<cell>/credit.log",
    benchmark:
        "<cell>/credit.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        world=study.config.world,
        recipe=study.cells.credit,
    script:
        "../scripts/credit.py"
