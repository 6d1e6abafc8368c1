# The only rule that opens MLflow: it copies what finished files say, so what comes from the cache appears too.


rule track:
    input:
        cells=study.tracking.cells,
        results=study.tracking.results,
        gradients=study.tracking.gradients,
    output:
        "<results>/tracked.json",
        update(study.tracking.store_files),  # filled again if it was deleted; never deleted by Snakemake: it holds other runs too
    log:
        "<results>/logs/track.log",
    benchmark:
        "<results>/logs/track.time.tsv"
    localrule: True  # on a cluster too: one writer, on the machine that Snakemake runs on
    conda:
        "../../envs/local.yaml"
    params:
        world=study.config.world,
        store=study.tracking.store,
        experiments=study.tracking.membership,
    script:
        "../scripts/track.py"
