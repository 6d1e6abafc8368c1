"""The local engine: transformers and peft in one process, on CPU or one GPU."""
