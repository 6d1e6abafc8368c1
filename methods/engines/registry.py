"""The engines and the samplers, by the names that a config gives them. No torch.

Each module has a function ``train`` and a class ``SETTINGS``, which is what ``train`` is told. The modules are named
and not imported: a digest of the code that trains follows imports from one of them, and from no other.
"""

ENGINES = {"local": "methods.engines.local.train", "easyr1": "methods.engines.easyr1.train"}
# What samples the rollouts of the local engine (``engine_settings.rollouts``), and the module that trains with it.
SAMPLERS = {"hf": ENGINES["local"], "vllm": "methods.engines.local.vllm.train"}
