"""The engines and the samplers, by the names that a config gives them. No torch.

Each module has a function ``train`` and a class ``SETTINGS`` with the settings that ``train`` takes. The modules are
named here and not imported, so that the digest of one engine's code does not contain the other engine.
"""

ENGINES = {"local": "methods.engines.local.train", "easyr1": "methods.engines.easyr1.train"}
# What samples the rollouts of the local engine (``engine_settings.rollouts``), and the module that trains with it.
SAMPLERS = {"hf": ENGINES["local"], "vllm": "methods.engines.local.vllm.train"}
# What trains a model of each kind of methods/shared/prepared.py; the module has a function ``prepare``.
PREPARED = {
    "step_scorer": "methods.engines.local.prepared.step_scorer",
    "contrast": "methods.engines.local.prepared.contrast",
}
