"""The short way to a row's vector, by compiled code where it was built: for rows of which there is nothing to say.

Every view knows the entity and is neither stale nor ahead of the request, and nothing is computed from the request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from features.compiled import WhereBuilt
from features.kernel import ViewKernel
from features.vector import Assembler

Fresh: TypeAlias = tuple[list[float], list[int], int]
"""The vector, the newest event of each view, and the newest of all."""

TakeFresh: TypeAlias = Callable[[Sequence[bytes | None], int], Fresh | None]
"""From a row's states, and the instant that it is scored at; None for a row that has to go the long way."""


def open_fresh_vectors(assembler: Assembler, kernels: Sequence[ViewKernel]) -> TakeFresh | None:
    """The short way of a feature service; None where it has none."""
    if not assembler.places:
        return None
    with WhereBuilt():
        from features.compiled.fresh_vectors import FreshVectors
        from features.compiled_kernel import CompiledKernel

        finishers = [each.finisher for each in kernels if isinstance(each, CompiledKernel) and each.finisher.is_plain]
        if len(finishers) == len(kernels):
            return FreshVectors(
                finishers=finishers, ttls_us=[view.ttl_us for view in assembler.views], places=assembler.places
            ).take
    return None
