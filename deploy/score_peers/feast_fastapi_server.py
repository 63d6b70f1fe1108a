"""``python -m deploy.score_peers.feast_fastapi_server FOLDER PORT``: the usual build, as its authors would tune it.

The handler is a coroutine that waits for nothing, which spares FastAPI's hop to a thread; uvloop and httptools carry
it; what start-up made is kept from the collector, which would otherwise stop it for a tenth of a second now and then.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from deploy.score_peers.feast_fastapi import PATH
from deploy.score_peers.feast_sdk import open_feast, read_vectors
from deploy.score_peers.peer import MODEL_TEXT
from deploy.server_process import LOOPBACK


class Asked(BaseModel):
    """A request."""

    user_id: int


class Prediction(BaseModel):
    """An answer."""

    prediction: float


def build(folder: Path) -> Any:
    """The application."""
    from fastapi import FastAPI
    from lightgbm import Booster

    feast, booster, app = open_feast(folder), Booster(model_file=str(folder / MODEL_TEXT)), FastAPI()

    @app.post(PATH)
    async def predict(asked: Asked) -> Prediction:
        vector = np.array(read_vectors(feast, [asked.user_id]), np.float64)
        return Prediction(prediction=float(booster.predict(vector, num_threads=1)[0]))

    return app


if __name__ == "__main__":
    import uvicorn

    application = build(Path(sys.argv[1]))
    gc.collect()
    gc.freeze()
    uvicorn.run(application, host=LOOPBACK, port=int(sys.argv[2]), loop="uvloop", http="httptools", log_level="error")
