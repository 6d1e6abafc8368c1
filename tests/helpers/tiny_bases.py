"""A base model of the micro world so small that it is built in a second, and its committed copy.

``python -m tests.helpers.tiny_bases`` writes the copy anew. Do that after a change of what decides base models.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from contracts.files import write_text
from contracts.paths import ROOT
from workflows.lib.base_models import build
from workflows.lib.config.schema import Config
from workflows.lib.dag.recipes import Recipes
from workflows.lib.publish.bases import publish
from workflows.lib.ready_bases import REPORT, BuiltBase, ready_bases

COMMITTED = ROOT / "tests" / "workflows" / "lib" / "bases"
SCALE, SEED = "tiny", 1
SHAPE = {"name": "Tiny", "hidden": 32, "layers": 1, "intermediate": 32, "vision_hidden": 32}
TRAINING = {"vision_steps": 3, "vision_batch": 8, "steps": 3, "batch": 8, "calculations": 2, "lookups": 1}
MICRO = {"pool": 30, "bench_pool": 20, "vocabulary": 300, "shapes": {SCALE: SHAPE}, "training": {SCALE: TRAINING}}


def recipes(**micro: object) -> Recipes:
    """How the tiny base model is made; ``micro``: changed settings of the micro world."""
    raw = {"world": "micro", "scales": {SCALE: {"base_model": f"micro://{SCALE}"}}, "micro": MICRO | micro}
    return Recipes(Config.model_validate(raw), ready=ready_bases(COMMITTED))


def build_tiny(results: Path) -> BuiltBase:
    """Build it as a run does, in ``results``/models/tiny/s1."""
    how, folder = recipes(), results / "models" / SCALE / f"s{SEED}"
    digest, settings = how.built_base(SCALE, SEED), how.building(SCALE, SEED)
    record = build(SCALE, settings, digest, folder / "model", folder / "progress.jsonl")
    write_text(folder / REPORT, record.model_dump_json(indent=1))
    return record


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        build_tiny(Path(made))
        print(*publish(Path(made), COMMITTED), sep="\n")
