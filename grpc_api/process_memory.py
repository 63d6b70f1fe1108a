"""How a scorer process keeps its memory: no pause for garbage, and what a model held goes back when the model goes."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Final

GC_THRESHOLD: Final = (50_000, 20, 20)
"""Look for cyclic garbage rarely: requests make much that lives for a moment, and no cycles."""

LARGE_BYTES: Final = 128 * 1024
"""What glibc begins with, before it adapts."""

_M_MMAP_THRESHOLD: Final = -3
"""Of ``malloc.h``."""


def give_back_large_blocks() -> None:
    """Let each block beyond `LARGE_BYTES` be a mapping of its own, given back to the system once it is freed.

    glibc does so at first, but takes a freed block for a sign that more of its size will come, and from then on cuts
    them out of its heap, which shrinks at its end alone: after each swap another part of the old model would stay.
    A C library without such a setting is left as it is.
    """
    if sys.platform == "win32":  # there a process is no library that can be asked
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, LARGE_BYTES)


def freeze_start_up() -> None:
    """What start-up made lives as long as the process: a full collection need not walk it while a caller waits."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
