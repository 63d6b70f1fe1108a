"""What a bundle must prove before it may serve: itself, the plan it was made for, and its golden rows bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from features.bundle import MODEL, read_bundle
from features.errors import BundleCorruptError
from features.golden import first_difference, read_golden
from grpc_api.pointer import Pointer
from grpc_api.served_model import Declarations, fitting
from grpc_api.session import RawScorer

SINGLE_ROWS: Final = 100
"""Golden rows that are also replayed one at a time, as `Score` runs them."""


def prove(path: Path, pointer: Pointer, declared: Sequence[Declarations]) -> None:
    """Raise BundleCorruptError or PlanMismatchError unless the bundle in this folder may serve."""
    bundle = read_bundle(path)
    fitting(bundle.manifest, bundle.digest, pointer, declared)
    scorer = RawScorer(bundle.file(MODEL), len(bundle.manifest.features))
    golden = read_golden(bundle)
    expected = golden.raw_scores
    singles = [scorer.raw_scores(row[np.newaxis]) for row in golden.features[:SINGLE_ROWS]]
    for way, found, wanted in (
        ("together", scorer.raw_scores(golden.features), expected),
        ("one at a time", np.concatenate(singles), expected[:SINGLE_ROWS]),
    ):
        row = first_difference(wanted, found)
        if row is not None:
            raise BundleCorruptError(
                str(path), f"golden row {row}, run {way}, gives {found[row]!r} and not {wanted[row]!r}"
            )
