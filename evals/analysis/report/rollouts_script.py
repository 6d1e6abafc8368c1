"""Style, markup and script of the page of rollouts. The script sets text, never markup: tokens are model output."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 80em; margin: 1.5em auto; padding: 0 1em }
form { display: flex; flex-wrap: wrap; gap: .6em 1.2em; position: sticky; top: 0; padding: .6em 0 }
#tapped { position: fixed; bottom: 0; left: 0; right: 0; margin: 0; padding: .5em 1em; background: Canvas }
#tapped { border-top: 1px solid #999 } #tapped:empty { display: none }
form { background: Canvas; border-bottom: 1px solid #999 }
label { display: inline-flex; gap: .4em; align-items: center }
select { max-width: 60vw; font: inherit }
#problem-shown { display: flex; flex-wrap: wrap; gap: 1.2em; align-items: flex-start; margin: 1em 0 }
#problem-shown img { width: 192px; image-rendering: pixelated; background: #fff }
.member { border-top: 1px solid #9996; padding: .5em 0 }
.member h2 { font-size: 1em; margin: 0 }
.rollout { display: grid; grid-template-columns: 15em 1fr; gap: .2em 1em; margin: .3em 0 }
.rollout p { margin: 0; font-size: .85em }
.tokens { font: .85em/1.7 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere }
.tokens span { color: #111; white-space: pre-wrap; padding: .12em 0; cursor: help }
.tokens .plain { color: inherit }
.right { color: #16793a } .wrong { color: #b3261e }
@media (prefers-color-scheme: dark) { .right { color: #6fd08c } .wrong { color: #ff8a80 } }
@media (max-width: 40em) { .rollout { grid-template-columns: 1fr } }
"""
MARKUP = """<h1>TITLE</h1>
<p>What each method answered to the same training problem at the same step, and how it judged every token: choose
below. A number shows where the pointer rests, or a finger taps, on a token.</p>
<form>
<label>scale <select id="scale"></select></label>
<label>step <select id="step"></select></label>
<label>problem <select id="problem"></select></label>
<label>colour <select id="measure"></select></label>
</form>
<p id="note"></p><p id="tapped" role="status"></p><div id="problem-shown"></div><div id="rollouts"></div>"""
SCRIPT = """
const data = JSON.parse(document.getElementById("data").textContent);
const pick = name => document.getElementById(name);
const NOTES = {
  credit: "Credit over the rollout's advantage. Blue: below 1, orange: above 1, white: 1; without colour: no credit, " +
    "or an advantage of 0.",
  evidence: "Nats. Orange: the teachers' evidence for the right answer, blue: against it.",
  entropy: "Nats of the policy. Darker: less certain.",
  divergence: "Nats between student and teacher. Darker: further apart.",
};
function fill(select, values) {
  const before = select.value;
  select.replaceChildren(...values.map(value => new Option(value, value)));
  if (values.includes(before)) select.value = before;
}
function node(kind, text, classes) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (classes) made.className = classes;
  return made;
}
function numbers(rollout, measure) {
  const values = rollout.values[measure];
  if (!values) return null;
  if (measure !== "credit") return values;
  return rollout.advantage === 0 ? null : values.map(value => value / rollout.advantage - 1);
}
function colour(share, signed) {
  const end = signed && share < 0 ? [115, 168, 230] : [250, 166, 89], size = Math.min(1, Math.abs(share));
  return "rgb(" + end.map(part => Math.round(255 + size * (part - 255))).join(",") + ")";
}
function hint(rollout, place) {
  const parts = Object.entries(rollout.values).map(([name, values]) => name + " " + values[place]);
  return "token " + (place + 1) + ": " + parts.join(", ");
}
function tokens(rollout, measure, reach) {
  const line = node("div", undefined, "tokens"), values = numbers(rollout, measure);
  if (!values) line.append(node("p", "no " + measure + (rollout.values[measure] ? ": the advantage is 0" : "")));
  rollout.tokens.forEach((token, place) => {
    const span = node("span", token.replace(/\\n/g, "\\u23ce\\n"), values ? "" : "plain");
    span.title = hint(rollout, place);
    span.onclick = () => { pick("tapped").textContent = token + " \\u2014 " + span.title; };
    if (values) span.style.background = colour(values[place] / reach, measure !== "entropy");
    line.append(span);
  });
  return line;
}
function shown(method, rollout, measure, reach) {
  const row = node("div", undefined, "rollout"), about = node("p");
  const verdict = rollout.correct ? "right" : "wrong";
  about.append(node("b", method), " ", node("span", verdict, verdict));
  const facts = [];
  if ("reward" in rollout) facts.push("reward " + rollout.reward);
  facts.push("advantage " + rollout.advantage.toFixed(2).replace("-", "\\u2212"));
  if (rollout.cut) facts.push("cut at the limit");
  about.append(node("br"), facts.join(", "));
  row.append(about, tokens(rollout, measure, reach));
  return row;
}
function question(name) {
  const place = pick("problem-shown"), problem = data.problems[name];
  place.replaceChildren();
  if (!problem) { place.append(node("p", "The problem is not among the training problems of this folder.")); return; }
  if (problem.image) {
    const image = node("img");
    image.src = problem.image;
    image.alt = "diagram";
    place.append(image);
  }
  const text = node("div");
  text.append(node("p", problem.question), node("p", "Gold answer: " + problem.answer));
  place.append(text);
}
function draw() {
  const group = data.scales[pick("scale").value][pick("step").value][pick("problem").value];
  const measure = pick("measure").value;
  question(pick("problem").value);
  pick("note").textContent = NOTES[measure];
  const all = Object.values(group).flat().flatMap(rollout => numbers(rollout, measure) || []);
  const reach = all.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
  const members = [...new Set(Object.values(group).flat().map(rollout => rollout.member))].sort((a, b) => a - b);
  pick("rollouts").replaceChildren(...members.map(member => {
    const block = node("section", undefined, "member");
    block.append(node("h2", "Rollout " + (member + 1)));
    for (const [method, rollouts] of Object.entries(group))
      for (const rollout of rollouts.filter(one => one.member === member))
        block.append(shown(method, rollout, measure, reach));
    return block;
  }));
}
function update() {
  fill(pick("step"), Object.keys(data.scales[pick("scale").value]));
  fill(pick("problem"), Object.keys(data.scales[pick("scale").value][pick("step").value]));
  draw();
}
fill(pick("scale"), Object.keys(data.scales));
fill(pick("measure"), Object.keys(NOTES));
for (const name of ["scale", "step", "problem"]) pick(name).addEventListener("change", update);
pick("measure").addEventListener("change", draw);
update();
"""
