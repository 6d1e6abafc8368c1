# What prepares a machine, before anything else runs: `snakemake fetch` and `snakemake doctor`.


localrules:
    fetch,
    doctor,


rule fetch:  # the only rule that uses the network
    log:
        "<results>/logs/fetch.log",
    conda:
        "../../envs/local.yaml"
    params:
        config=study.config.model_dump_json(),
        lock=study.hub_lock,
    script:
        "../scripts/fetch.py"
