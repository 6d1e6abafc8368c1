"""Say whether this machine is ready for the config. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "doctor") as say:
    from workflows.lib.config.schema import Config
    from workflows.lib.hub.needs import read_lock
    from workflows.lib.machine.doctor import examine, report
    from workflows.lib.machine.facts import Machine

    config = Config.model_validate_json(snakemake.params.config)
    lock = read_lock(Path(snakemake.params.lock))
    results, deployed = Path(snakemake.params.results), snakemake.params.deployed
    report(examine(config, Machine.here(), lock, results, deployed), say)
