# A model that methods need, trained from the base before them: {kind} and {options} say which. Cells share it.


rule prepare:
    input:
        data="<results>/data/train.parquet",
        base=study.cells.base,
        check=study.cells.base_check,
    output:
        record="<results>/prepared/{kind}/{scale}/{options}/s{seed}/prepared.json",
        model=directory("<results>/prepared/{kind}/{scale}/{options}/s{seed}/model"),
    log:
        "<results>/prepared/{kind}/{scale}/{options}/s{seed}/prepare.log",
    cache: True  # Snakemake refuses benchmark: beside cache:, so the record says how long it took
    conda:
        conda_file("local")
    container:
        image_file("local")
    resources:
        gpu=study.config.resources.train.gpus,
        mem_mb=study.config.resources.train.mem_mb,
        runtime=study.config.resources.train.minutes,
    params:
        plan=study.prepared.plan,
    script:
        "../scripts/prepare.py"
