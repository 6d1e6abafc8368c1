"""Bring models, data and the checkout of EasyR1 to this machine. Glue only."""

import os
from pathlib import Path

from workflows.lib.hub.needs import OFFLINE
from workflows.lib.job import job

for name in OFFLINE:  # every other job is kept off the network
    os.environ.pop(name, None)
with job(snakemake.log[0], "fetch") as say:
    from methods.engines.easyr1.checkout import checkout
    from workflows.lib.config.schema import Config
    from workflows.lib.hub.fetch import fetch
    from workflows.lib.hub.needs import needs

    config = Config.model_validate_json(snakemake.params.config)
    fetch(needs(config), Path(snakemake.params.lock), say)
    if config.engine == "easyr1":
        checkout(Path(config.easyr1.checkout).expanduser(), say)
    if not needs(config):
        say("nothing to fetch: the micro world makes its own models and data")
