# What prepares a machine, before anything else runs: `snakemake fetch` and `snakemake doctor`.


rule fetch:
    """Download what the config names: the only rule that uses the network."""
    log:
        "<results>/logs/fetch.log",
    localrule: True
    conda:
        "../../envs/local.yaml"
    params:
        config=study.config.model_dump_json(),
        lock=study.hub_lock,
    script:
        "../scripts/fetch.py"


rule doctor:
    """Say whether this machine is ready for the config."""
    log:
        "<results>/logs/doctor.log",
    localrule: True
    conda:
        "../../envs/local.yaml"
    params:
        config=study.config.model_dump_json(),
        lock=study.hub_lock,
        results=study.results,
        deployed=bool(workflow.deployment_settings.deployment_method),
    script:
        "../scripts/doctor.py"
