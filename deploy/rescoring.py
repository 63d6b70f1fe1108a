"""Models run again on recorded vectors, by the scorer's own session, so that a raw score is proven too."""

from __future__ import annotations

from functools import cache

import numpy as np

from features.judge import BundleOf, RawScores
from features.nouns import ScoreRecord
from grpc_api.session import RawScorer, open_scorer


def rescoring(bundle_of: BundleOf) -> RawScores:
    """What a record's model gives for its vector; None where no bundle of its digest is at hand."""

    @cache
    def session(digest: str) -> RawScorer | None:
        bundle = bundle_of(digest)
        return None if bundle is None else open_scorer(bundle)

    def raw_scores(record: ScoreRecord) -> list[float] | None:
        scorer = session(record.digest)
        if scorer is None or scorer.n_features != len(record.vector):
            return None
        row = np.array([record.vector], np.float64)  # null becomes NaN
        (raws,) = scorer.raw_scores(row).tolist()
        return list(raws)

    return raw_scores
