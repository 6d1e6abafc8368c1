# Tables and figures from evaluated cells, marked for `snakemake --report`.


rule table:
    input:
        cells=study.table_cells,
        results=study.table_results,
        published=PUBLISHED,
    output:
        md="<results>/tables/{table}.md",
        csv="<results>/tables/{table}.csv",
        tex="<results>/tables/{table}.tex",
        html=report("<results>/tables/{table}.html", caption="../report/table.rst", category="Tables"),
    log:
        "<results>/logs/{table}.log",
    benchmark:
        "<results>/logs/{table}.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.table_recipe,
    script:
        "../scripts/table.py"


rule figures:
    input:
        cells=study.figure_cells,
        results=study.figure_results,
        published=PUBLISHED,
    output:
        report(
            expand("<results>/figures/{figure}.svg", figure=["figure1", "reward"]),
            caption="../report/figure.rst",
            category="Figures",
        ),
        expand("<results>/figures/{figure}.png", figure=["figure1", "reward"]),
    log:
        "<results>/logs/figures.log",
    benchmark:
        "<results>/logs/figures.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.figure_recipe,
    script:
        "../scripts/figures.py"
