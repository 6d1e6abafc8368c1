# Tables and figures from evaluated cells, marked for `snakemake --report`: a rule for each that evals/analysis lists.

for exhibit in study.exhibits:

    rule:
        name:
            exhibit.rule
        input:
            cells=exhibit.cells,
            results=exhibit.results,
            published=PUBLISHED,
        output:
            report(exhibit.shown, caption=exhibit.caption, category=exhibit.category),
            exhibit.others,
        log:
            f"<results>/logs/{exhibit.rule}.log",
        benchmark:
            f"<results>/logs/{exhibit.rule}.time.tsv"
        conda:
            "../../envs/local.yaml"
        params:
            title=exhibit.title,
            module=exhibit.module,
            recipe=exhibit.recipe,
        script:
            "../scripts/exhibit.py"


rule unknown_table:  # any other file of a table: Snakemake takes it only if none above makes that file
    input:
        unknown_table,
    output:
        "<results>/tables/{table}.md",
    log:
        "<results>/logs/unknown_{table}.log",
