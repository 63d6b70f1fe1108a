"""What a bundle must prove before it may serve: itself, the plan it was made for, its golden rows bit for bit.

And that it explains them, where it explains anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from features.bundle import EXPLAIN, Bundle, read_bundle
from features.errors import BundleCorruptError
from features.golden import GoldenRows, first_difference, read_golden
from features.shapley import open_explainer
from grpc_api.pointer import Pointer
from grpc_api.served_model import Declarations, fitting
from grpc_api.session import RawScorer, open_scorer

SINGLE_ROWS: Final = 100
"""Golden rows that are also replayed one at a time, as `Score` runs them."""


EXPLAINED_WITHIN: Final = 1e-9
"""How far base and contributions may be off the raw score, in parts of what was summed where that is more than one."""


def prove(path: Path, pointer: Pointer, declared: Sequence[Declarations]) -> None:
    """Raise BundleCorruptError or PlanMismatchError unless the bundle in this folder may serve."""
    bundle = read_bundle(path)
    fitting(bundle.manifest, bundle.digest, pointer, declared)
    scorer = open_scorer(bundle)
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
                str(path), f"golden row {row}, run {way}, gives {found[row].tolist()} and not {wanted[row].tolist()}"
            )
    _prove_explanation(bundle, golden, scorer)


def _prove_explanation(bundle: Bundle, golden: GoldenRows, scorer: RawScorer) -> None:
    """Base and contributions must sum to the raw scores."""
    n_outputs = bundle.manifest.head.n_outputs
    explainer = open_explainer(bundle.file(EXPLAIN), scorer.n_features, n_outputs, scorer.columns)
    if explainer is None:
        return
    for number, (row, raws) in enumerate(zip(golden.features[:SINGLE_ROWS], golden.raw_scores, strict=False)):
        for output, raw in enumerate(raws.tolist()):
            if not math.isfinite(raw):
                continue
            base, contributions = explainer.base(output), explainer.contributions(row, output).tolist()
            total, most = math.fsum([base, *contributions]), max(1.0, math.fsum(map(abs, contributions)))
            if not abs(total - raw) <= EXPLAINED_WITHIN * most:
                raise BundleCorruptError(
                    str(bundle.path), f"golden row {number}: {EXPLAIN} explains {total!r}, the model gives {raw!r}"
                )
