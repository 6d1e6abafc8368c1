"""The micro world: drawn geometry problems, tiny Qwen3-VL models and five small benchmarks, all made from a seed."""
