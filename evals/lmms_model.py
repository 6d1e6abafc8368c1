"""Entry point ``lmms_eval.models``: makes ``cepo_local`` known to lmms-eval, its command line included.

``python -m lmms_eval --model cepo_local --model_args base=...,adapter=... --process_docs_parallel 1`` evaluates a cell.
lmms-eval loads this module while it is being imported itself. The class of the model needs lmms-eval, so it is in
another module.
"""

from __future__ import annotations

from lmms_eval.models.registry_v2 import ModelManifest

MANIFEST = ModelManifest(model_id="cepo_local", chat_class_path="evals.local_model.CepoLocal")
