"""Which kernel runs: the compiled one where it was built, else its reference in Python."""

from __future__ import annotations

from features.compiled import WhereBuilt
from features.kernel import ViewKernel
from features.plan import SourcePlan, ViewPlan

KERNELS: dict[str, type[ViewKernel]] = {"python": ViewKernel}
"""Every kernel that there is here, by name, the fastest last; all of them are under the same laws."""

with WhereBuilt():
    from features.compiled_kernel import CompiledKernel

    KERNELS["compiled"] = CompiledKernel

KERNEL = next(reversed(KERNELS))
"""The name of the one that runs."""


def open_kernel(view: ViewPlan, source: SourcePlan) -> ViewKernel:
    """The fastest kernel that there is here, for one view and the source that feeds it."""
    return KERNELS[KERNEL](view, source)
