# The only rule that opens MLflow: it copies what the cells' files say, so cells from the cache appear too.


rule track:
    input:
        cells=study.tracked_cells,
        results=study.tracked_results,
    output:
        "<results>/tracked.json",
    log:
        "<results>/logs/track.log",
    benchmark:
        "<results>/logs/track.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        world=study.config.world,
        store=study.store,
        experiments=study.membership,
    script:
        "../scripts/track.py"
