from . import parallel_state

__all__ = ["parallel_state"]
