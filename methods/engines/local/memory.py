"""Freed memory is kept for the next tensor instead of being given back to the system and cleared anew."""

from __future__ import annotations

import ctypes
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # mallopt's names for them, malloc.h of glibc
LARGEST_THRESHOLD = 32 * 1024 * 1024  # bytes; glibc takes no larger one
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask glibc to reuse the pages of freed tensors; False where the C library is another one, which changes nothing.

    Logits come and go several times a second, and each time the system would clear their pages first.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_THRESHOLD) and mallopt(TRIM_THRESHOLD, NEVER))
