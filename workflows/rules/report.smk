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


ruleorder: claims > table


rule claims:
    input:
        cells=study.table_cells,
        results=study.table_results,
        published=PUBLISHED,
    output:
        md="<results>/tables/{table}.md",
        csv="<results>/tables/{table}.csv",
        tex="<results>/tables/{table}.tex",
        html=report("<results>/tables/{table}.html", caption="../report/table.rst", category="Tables"),
        json="<results>/tables/{table}.json",
    log:
        "<results>/logs/{table}.log",
    benchmark:
        "<results>/logs/{table}.time.tsv"
    wildcard_constraints:
        table="claims",
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.table_recipe,
    script:
        "../scripts/table.py"


rule figures:
    input:
        cells=study.curve_cells,
        results=study.curve_results,
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
        recipe=study.curve_recipe,
    script:
        "../scripts/figures.py"


rule figure3:
    input:
        cells=study.figure3_cells,
        results=study.figure3_results,
        published=PUBLISHED,
    output:
        report("<results>/figures/figure3.svg", caption="../report/figure3.rst", category="Figures"),
        "<results>/figures/figure3.png",
    log:
        "<results>/logs/figure3.log",
    benchmark:
        "<results>/logs/figure3.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.figure3_recipe,
    script:
        "../scripts/figure3.py"


rule credit_figures:
    input:
        cells=study.credit_cells,
        results=study.credit_results,
        published=PUBLISHED,
    output:
        report(
            expand("<results>/figures/{figure}.svg", figure=["figure4", "figure5"]),
            caption="../report/credit.rst",
            category="Figures",
        ),
        expand("<results>/figures/{figure}.png", figure=["figure4", "figure5"]),
        "<results>/figures/figure5.html",
    log:
        "<results>/logs/credit_figures.log",
    benchmark:
        "<results>/logs/credit_figures.time.tsv"
    conda:
        "../../envs/local.yaml"
    params:
        recipe=study.credit_recipe,
    script:
        "../scripts/credit_figures.py"
