"""JAX as it is used here: in double, on one thread of the processor, for the bits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

from features.errors import DomainError

_PACKAGES: Final = ("jax", "optax", "tensorboardX")
_FIXED: Final = {"PJRT_NPROC": "1", "JAX_PLATFORMS": "cpu"}
"""Read by JAX as it starts: on the processor, and one thread of it, as the number of cores decides the last bits."""


def require_extra(algorithm: str) -> None:
    """DomainError where the packages of the extra are not installed."""
    if any(find_spec(package) is None for package in _PACKAGES):
        raise DomainError(
            "model.yaml: algorithm",
            f"{algorithm} needs packages that are not installed",
            "pip install 'millstream[deep]'",
        )


@contextmanager
def jax_in_double() -> Iterator[None]:
    """Within, JAX computes in double, and on one thread if this is what it computes first."""
    os.environ.update(_FIXED)
    import jax

    with jax.enable_x64(True):
        yield
