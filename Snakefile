# CEPO and its rivals: data -> base models -> cells -> evaluations -> tables, figures, MLflow. See README.md.
from snakemake.utils import min_version

min_version("9.20")  # caching of named outputs


include: "workflows/rules/common.smk"
include: study.data.rules
include: "workflows/rules/models.smk"
include: "workflows/rules/prepare.smk"
include: "workflows/rules/train.smk"
include: "workflows/rules/evaluate.smk"
include: "workflows/rules/gradients.smk"
include: "workflows/rules/truth.smk"
include: "workflows/rules/report.smk"
include: "workflows/rules/track.smk"
include: "workflows/rules/machine.smk"


rule all:
    """Tables and figures of the chosen experiments, and their cells in MLflow."""
    default_target: True
    input:
        study.products,
        "<results>/tracked.json",
        "<results>/study.json",
        study.tracking.store_files,


rule plan:
    """What would run and how long; printed before anything starts (workflows/lib/dag/start.py)."""
    input:
        rules.all.input,


rule ready_bases:
    input:
        study.bases.built,


rule cell:
    """One cell, trained and evaluated: --config cell=cepo/small/default/s1."""
    input:
        study.cells.chosen,
