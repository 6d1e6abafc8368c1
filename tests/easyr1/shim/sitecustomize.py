"""Test only: with this folder first on PYTHONPATH, an unmodified EasyR1 runs on a machine without a GPU.

Python runs this file at every start, also in Ray's workers. It costs nothing until EasyR1 or torchvision is imported.
"""

import os
import sys
from importlib.abc import MetaPathFinder

PREPARE = {
    "torchvision": "torchvision_operators",
    "verl": "flash_attention" if os.environ.get("CEPO_TEST_GPU") else "no_gpu",
}  # package -> function of stand_ins.py


class _BeforeImport(MetaPathFinder):
    """Prepares the process just before the first import of each package, then steps aside."""

    def __init__(self):
        self.waiting = dict(PREPARE)

    def find_spec(self, name, path=None, target=None):
        prepare = self.waiting.pop(name, None)
        if prepare:
            import stand_ins

            getattr(stand_ins, prepare)()


sys.meta_path.insert(0, _BeforeImport())
