"""Trains the cell of a JSON file, so that a test can kill it: python train_in_process.py asked.json."""

import json
import sys
from pathlib import Path

from contracts.records import Cell
from methods.engines.easyr1.settings import EasyR1EngineSettings
from methods.engines.easyr1.train import train

if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    data = Path(asked["data"])
    cell, settings = Cell.model_validate(asked["cell"]), EasyR1EngineSettings.model_validate(asked["settings"])
    train(cell, data, data, Path(asked["base"]), Path(asked["out"]), settings)
