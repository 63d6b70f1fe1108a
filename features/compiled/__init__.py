"""The hot loops of kernel, codec and store link, in Cython: the same bits as their references in Python.

A module here works where everything it meets fits 64 bits, and says so where something does not: then the reference
does that part. Where there was no C compiler, nothing of this is built (`WhereBuilt`).
"""

from __future__ import annotations

from types import TracebackType


class WhereBuilt:
    """Leaves out a block that imports a module of this package which was not built; one that does not load is told."""

    def __enter__(self) -> None:
        """Run the block."""

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        """End it where such a module is missing."""
        return isinstance(error, ModuleNotFoundError) and str(error.name).startswith(f"{__name__}.")
