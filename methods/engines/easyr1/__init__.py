"""The EasyR1 engine: Ray, FSDP and vLLM on one or more nodes of GPUs, by subclassing an unmodified EasyR1."""
