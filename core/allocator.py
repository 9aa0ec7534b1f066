"""Keeps glibc from mapping each large tensor anew and handing it back when it is freed, so that
every pass pays for page faults again: on a CPU up to half of a training step.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # <malloc.h>
LARGEST = 2**31 - 1  # an int of C


def keep_freed_memory() -> bool:
    """Serve large tensors from memory that stays; False where the C library cannot be told so."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return mallopt(M_MMAP_MAX, 0) == 1 and mallopt(M_TRIM_THRESHOLD, LARGEST) == 1
