"""How the report looks: one column of prose, tables as wide as the window, light and dark, on paper without colours."""

STYLE = """
:root { color-scheme: light dark; --ink: #16181d; --soft: #555c68; --rule: #cdd2da; --faint: #eef0f4; --page: #fff }
:root { --link: #0b57a4; --yes: #0a6b3d; --no: #a61b1b; --open: #6b5600; --sheet: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ec; --soft: #a4abb8; --rule: #3d444f; --faint: #23272e; --page: #16181c; --link: #86b9f2 }
  :root { --yes: #63cf97; --no: #ff8f87; --open: #e2c55a; --sheet: #f7f7f5 }
}
* { box-sizing: border-box }
html { scroll-padding-top: 1rem }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 110rem; color: var(--ink); background: var(--page) }
body { font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Source Sans 3", Arial, sans-serif }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem }
h2 { font-size: 1.35rem; margin: 3rem 0 .6rem; padding-top: .6rem; border-top: 2px solid var(--ink) }
h3 { font-size: 1.1rem; margin: 1.8rem 0 .4rem }
h4, h5, h6 { font-size: 1rem; margin: 1.2rem 0 .4rem }
p, ul, ol, dl { max-width: 72ch }
a { color: var(--link) }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.skip { position: absolute; left: -100vw }
.skip:focus { left: 1rem; top: 1rem; background: var(--page); padding: .4rem .8rem; z-index: 1 }
nav ol { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; list-style: none; padding: 0; max-width: none }
.lead { font-size: 1.05rem }
.missing { color: var(--soft); border-left: 3px solid var(--rule); padding-left: .8rem }
.counts { display: flex; flex-wrap: wrap; gap: .6rem 2rem; list-style: none; padding: 0; margin: 1rem 0 }
.counts b { font-size: 1.6rem; display: block; line-height: 1.1 }
section ul { color: var(--soft); font-size: .88rem; padding-left: 1.2em }
section ul.counts { color: var(--ink); font-size: 1rem; padding: 0 }
.scroll { overflow-x: auto; max-width: 100% }
table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; font-size: .85rem }
table { font-variant-numeric: tabular-nums }
th, td { padding: .3em .5em; text-align: right; vertical-align: top; white-space: nowrap }
th { font-weight: 600 }
thead th { vertical-align: bottom; white-space: normal; min-width: 3.2em }
th:first-child, tr.section th { text-align: left }
thead tr.group th { text-align: center; border-bottom: 1px solid var(--rule) }
tr.section th { background: var(--faint); border-top: 1px solid var(--rule) }
tbody tr + tr:not(.section) { border-top: 1px solid var(--rule) }
tbody tr:not(.section) th { font-weight: 500; white-space: normal; min-width: 6em; max-width: 30em }
td.words { white-space: normal; text-align: left; min-width: 14em; max-width: 30em }
tbody th:first-child { position: sticky; left: 0; background: var(--page) }
tr.section th:first-child { position: static; background: var(--faint) }
td small { display: block; color: var(--soft); font-size: .76em; line-height: 1.3; letter-spacing: -.01em }
td.paper { color: var(--soft); font-style: italic }
.first { border-left: 1px solid var(--rule); padding-left: .7em }
sup { font-size: .7em; line-height: 0 }
.verdicts td, .verdicts th, .runs td, .runs th { text-align: left }
.verdicts tbody th { white-space: normal; min-width: 16em; max-width: 34em; font-weight: 500 }
.verdicts td.why { white-space: normal; min-width: 14em; max-width: 30em; color: var(--soft); font-size: .88em }
.verdicts tr.part th { padding-left: 1.8em; color: var(--soft) }
.cells { margin: 0 0 0 .6em; display: inline-block }
.cells summary { font-weight: 400; text-decoration: underline dotted }
.verdict { font-weight: 600; white-space: nowrap }
.supported { color: var(--yes) } .contradicted { color: var(--no) } .undecided { color: var(--open) }
figure { margin: 1rem 0; max-width: 62rem }
figure svg { display: block; width: 100%; height: auto; background: var(--sheet); border-radius: 4px; padding: .5rem }
figcaption { color: var(--soft); font-size: .88rem; max-width: 72ch; margin-top: .3rem }
details { margin: 1rem 0 } summary { cursor: pointer; font-weight: 600 }
footer { margin-top: 3rem; color: var(--soft); font-size: .88rem }
@media (max-width: 40rem) {
  body { padding: 1rem .8rem 3rem } h1 { font-size: 1.4rem } table { font-size: .82rem } th, td { padding: .25em .4em }
  tbody tr:not(.section) th { max-width: 8.5em; overflow-wrap: anywhere }
  .verdicts, .verdicts tbody, .verdicts tr, .verdicts tr > * { display: block }
  .verdicts thead { display: none }
  .verdicts tbody tr:not(.section) > * { position: static; min-width: 0; max-width: none; padding: .1em .4em }
  .verdicts tr.part { margin-left: 1.4em } .verdicts tr.part th { padding-left: .4em }
  .verdicts tr { padding: .3em 0 } .verdicts td:empty { display: none }
  .verdicts td[title]::before { content: attr(title) ": "; color: var(--soft) }
}
@page { size: A4 landscape; margin: 12mm }
@media print {
  :root { --ink: #000; --soft: #333; --rule: #999; --faint: #eee; --page: #fff; --sheet: #fff; --link: #000 }
  :root { --yes: #000; --no: #000; --open: #000 }
  body { max-width: none; padding: 0; font-size: 9pt } nav, .skip { display: none }
  details::details-content { content-visibility: visible }
  h2 { break-after: avoid } h3, h4, h5 { break-after: avoid } tr, figure, .rollout { break-inside: avoid }
  table { font-size: 6.5pt } .scroll { overflow: visible } thead { display: table-header-group }
}
"""
