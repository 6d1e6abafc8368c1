"""Freed memory is kept for the next tensor; compiled products are not kept by the thousand."""

from __future__ import annotations

import ctypes
import os
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # mallopt's names for them, malloc.h of glibc
LARGEST_THRESHOLD = 32 * 1024 * 1024  # bytes; glibc takes no larger one
NEVER = 2**31 - 1
PRODUCTS = "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32"  # of 1024: each keeps its scratchpad


def forget_products() -> None:
    """Let oneDNN keep few of the bfloat16 products it compiled; to be called before the first.

    It compiles one for every shape, responses have many lengths, and 1024 of them with their scratchpads are half a
    gigabyte. Products in float32 are none of its.
    """
    os.environ.setdefault(*PRODUCTS)


def keep_freed_memory() -> bool:
    """Ask glibc to reuse the pages of freed tensors; False where the C library is another one, which changes nothing.

    Logits come and go several times a second, and each time the system would clear their pages first.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_THRESHOLD) and mallopt(TRIM_THRESHOLD, NEVER))
