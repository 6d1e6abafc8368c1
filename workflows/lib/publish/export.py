"""``make export``: a trained cell as a folder that is ready for the Hub. Nothing is uploaded.

python -m workflows.lib.publish.export cepo/small/default/s1 results/micro          # the adapter
python -m workflows.lib.publish.export cepo/small/default/s1 results/micro merged   # a model that needs no base
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from contracts.errors import DataError, one_line_errors
from contracts.files import replacing_folder, write_text
from contracts.records import Cell
from evals.analysis.cells import CellFolder
from evals.analysis.rendering.terminal import results_folder
from evals.inputs import holds_model
from workflows.lib.publish.adapter_folder import base_name, complete
from workflows.lib.publish.model_card import model_card

LOCAL_BASE = (
    "The base model was made on the machine that trained this and is on no Hub: the adapter loads there only. "
    "`make export MERGED=1` writes a model that needs no base."
)


def export(results: Path, name: str, merged: bool = False) -> Path:
    """Write the cell ``name`` to ``results/export`` and return the folder; DataError if it was not trained.

    ``merged``: the adapter is folded into the weights, in float32.
    """
    folder = CellFolder(results / "cells" / name)
    adapter = folder.path / "adapter"
    if folder.cell.method == "base" or not adapter.exists():
        raise DataError(name, "has no adapter", f"train it first: make cell CELL={name}")
    base = base_of(results, folder.cell)
    out = results / "export" / (name.replace("/", "-") + ("-merged" if merged else ""))
    whole = holds_model(adapter)
    with replacing_folder(out) as temporary:
        if merged and not whole:
            _merge(base, adapter, temporary)
        else:
            for file in adapter.iterdir():
                shutil.copyfile(file, temporary / file.name)
        complete(temporary, base, folder.cell)
        scores = folder.scores if (folder.path / "eval" / "scores.json").exists() else None
        of, revision = base_name(base)
        adapted = not (merged or whole)
        note = LOCAL_BASE if adapted and revision is None else ""
        write_text(temporary / "README.md", model_card(folder.cell, of, revision, adapted, scores, note))
    return out


def base_of(results: Path, cell: Cell) -> Path:
    """The base model that a cell started from: of its seed, or where all seeds share one, of its scale."""
    for place in (f"{cell.scale}/s{cell.seed}", cell.scale):
        if (found := results / "models" / place / "model").exists():
            return found
    raise DataError(str(results / "models" / cell.scale), "holds no base model", f"run: make cell CELL={cell.name}")


def _merge(base: Path, adapter: Path, out: Path) -> None:
    from evals.local_model import load

    model, processor, _ = load(str(base), str(adapter), "float32", "cpu")
    model.save_pretrained(out)
    processor.save_pretrained(out)


def main() -> None:
    """Export the cell named first of the results folder or config named second."""
    if len(sys.argv) < 3:
        sys.exit("usage: python -m workflows.lib.publish.export <cell> <results/world or config> [merged]")
    with one_line_errors():
        out = export(results_folder(Path(sys.argv[2]))[0], sys.argv[1], merged="merged" in sys.argv[3:])
    print(f"{out}: {', '.join(sorted(file.name for file in out.iterdir()))}. Nothing was uploaded.")


if __name__ == "__main__":
    main()
