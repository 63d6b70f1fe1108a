"""Models run again on recorded vectors, by the scorer's own session, so that a raw score is proven too."""

from __future__ import annotations

from functools import cache

import numpy as np

from features.bundle import MODEL
from features.judge import BundleOf, RawScore
from features.nouns import ScoreRecord
from grpc_api.session import RawScorer


def raw_scores(bundle_of: BundleOf) -> RawScore:
    """What a record's model gives for its vector; None where no bundle of its digest is at hand."""

    @cache
    def session(digest: str) -> RawScorer | None:
        bundle = bundle_of(digest)
        return None if bundle is None else RawScorer(bundle.file(MODEL), len(bundle.manifest.features))

    def raw_score(record: ScoreRecord) -> float | None:
        scorer = session(record.digest)
        if scorer is None or scorer.n_features != len(record.vector):
            return None
        row = np.array([record.vector], np.float64)  # null becomes NaN
        return float(scorer.raw_scores(row)[0])

    return raw_score
