"""The service that BentoML runs, in its own environment."""

from __future__ import annotations

import os
from typing import Any

import bentoml
import numpy as np


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Scoring:
    """The booster, behind a coroutine, which spares BentoML's hop to a thread."""

    def __init__(self) -> None:
        from lightgbm import Booster

        self._booster: Any = Booster(model_file=os.environ["PEER_MODEL"])

    @bentoml.api  # type: ignore[untyped-decorator]  # BentoML is not installed here
    async def predict(self, vector: list[float]) -> float:
        """The probability."""
        return float(self._booster.predict(np.array([vector]), num_threads=1)[0])
