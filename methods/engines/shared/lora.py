"""Where LoRA goes, in both engines: every linear layer of the language model. No torch."""

LANGUAGE_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
