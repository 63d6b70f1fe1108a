"""A fit of a network of pictures gives the same bits on one core and on many."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from offline_training.conversion.convolution import ImageShape
from offline_training.learners.deep.architecture import Architecture
from offline_training.learners.deep.runtime import jax_in_double

ON_ONE_CORE = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from tests.offline_training.learners.deep.test_runtime import digest_of_an_epoch
sys.stdout.write(digest_of_an_epoch())
"""


def digest_of_an_epoch() -> str:
    """Of a network whose convolution is large enough for JAX to share it out."""
    with jax_in_double():
        from offline_training.learners.deep.descent import Descent, Rows, begin_at, run_epoch
        from offline_training.learners.deep.network import begin

        draw = np.random.default_rng(0)
        descent = Descent(Architecture(64, ImageShape(8, 8, 1), (16,), (), 1, True, 0.0), "binary", 64, 1e-4)
        rows = Rows(draw.normal(size=(640, 64)), draw.integers(0, 2, 640).astype(float), np.ones(640))
        position, _ = run_epoch(
            descent, begin_at(descent, begin(descent.architecture, 0)), rows, seed=0, epoch=1, learning_rate=0.01
        )
        weights = [np.asarray(value).tobytes() for layer in position.network.layers for value in layer.values()]
    return hashlib.sha256(b"".join(weights)).hexdigest()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_the_number_of_cores_changes_no_bit() -> None:
    """Left alone, XLA adds up a convolution's slopes in parts, one a core."""
    found = subprocess.run([sys.executable, "-c", ON_ONE_CORE], capture_output=True, text=True, check=True, timeout=100)
    assert found.stdout == digest_of_an_epoch()
