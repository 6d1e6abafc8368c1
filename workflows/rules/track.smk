# The only rules that open MLflow. They copy what files say, so cells from the cache appear too.


rule track:
    """Copy finished cells into MLflow."""
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


rule track_study:
    """Copy tables, figures and the report into MLflow."""
    input:
        cells="<results>/tracked.json",
        products=study.products,
    output:
        "<results>/study.json",
    log:
        "<results>/logs/track_study.log",
    benchmark:
        "<results>/logs/track_study.time.tsv"
    localrule: True
    conda:
        "../../envs/local.yaml"
    params:
        world=study.config.world,
        store=study.tracking.store,
    script:
        "../scripts/track_study.py"
