# Tables and figures from evaluated cells, marked for `snakemake --report`: a rule for each that evals/analysis lists.

for exhibit in study.exhibits:

    rule:
        """One table, or the figures of one module, from finished cells."""
        name:
            exhibit.rule
        input:
            cells=exhibit.cells,
            results=exhibit.results,
            published=PUBLISHED,
        output:
            [
                report(path, caption=exhibit.caption, category=exhibit.category, labels=exhibit.labels(path))
                for path in exhibit.shown
            ],
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


rule unknown_table:
    """Refuse a table that does not exist, with the names of those that do."""
    input:
        unknown_table,
    output:
        "<results>/tables/{table}.md",
    log:
        "<results>/logs/unknown_{table}.log",
