"""Two settings of memory: glibc keeps freed memory for the next tensor, and oneDNN keeps few compiled products."""

from __future__ import annotations

import ctypes
import os
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # parameters of glibc's mallopt; malloc.h
LARGEST_THRESHOLD = 32 * 1024 * 1024  # bytes; glibc accepts no larger value
NEVER = 2**31 - 1  # bytes of free memory from which glibc would return it to the system
PRODUCTS = "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32"  # oneDNN's default is 1024; each product keeps a buffer


def forget_products() -> None:
    """Let oneDNN keep fewer of the matrix products that it compiles. Call this before the first product in bfloat16.

    oneDNN compiles a product for every shape, and responses have many lengths. Its default of 1,024 products with their
    buffers takes half a gigabyte. Products in float32 are not made by oneDNN.
    """
    os.environ.setdefault(*PRODUCTS)


def keep_freed_memory() -> bool:
    """Ask glibc to keep the pages of freed tensors for new ones. Returns False if the C library is not glibc.

    Logits are allocated and freed several times a second. If their pages went back to the system, it would fill them
    with zeros each time before it gives them out again.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_THRESHOLD) and mallopt(TRIM_THRESHOLD, NEVER))
