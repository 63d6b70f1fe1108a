"""What a served model is explained by: opened when it is first asked for, since few models are and it takes a while."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from features.bundle import EXPLAIN, Bundle
from features.shapley import Explainer, can_explain, open_explainer
from grpc_api.session import RawScorer
from grpc_api.status import NotExplainableError


class Explained(NamedTuple):
    """What a raw score is made of: the base, and what each feature contributed."""

    base: float
    contributions: list[float]


class ModelExplainer:
    """The explainer of one bundle, whose scorer prepares its rows. ``can_explain`` says whether there is one."""

    def __init__(self, bundle: Bundle, scorer: RawScorer) -> None:
        self._columns_of = scorer.columns
        manifest = bundle.manifest
        self._path = bundle.file(EXPLAIN)
        self._model = manifest.model
        self._shape = len(manifest.features), manifest.head.n_outputs
        self._opened: Explainer | None = None
        self.can_explain = can_explain(self._path)

    async def explain(self, vector: Sequence[float], output: int) -> Explained:
        """What the raw score of an output is made of; NotExplainableError where that is not known exactly.

        In a thread, and compiled without the interpreter: scores go on meanwhile.
        """
        return await asyncio.to_thread(self._explain, vector, output)

    def _explain(self, vector: Sequence[float], output: int) -> Explained:
        if self._opened is None:
            self._opened = open_explainer(self._path, *self._shape, self._columns_of)
        if self._opened is None:
            raise NotExplainableError(self._model)
        return Explained(self._opened.base(output), self._opened.contributions(np.array(vector), output).tolist())
