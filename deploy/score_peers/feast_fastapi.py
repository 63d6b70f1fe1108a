"""The usual build: Feast's SDK and LightGBM behind FastAPI."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from deploy.score_bench.http_link import HttpDoor, post
from deploy.score_peers.peer import Question, ScorePeer

PATH: Final = "/predict"


class FeastFastApi(ScorePeer):
    """Runs in our own environment, which holds all three."""

    name = "Feast SDK + LightGBM behind FastAPI"
    does = "reads the features through `get_online_features`, and scores"
    door = HttpDoor()

    def command(self, folder: Path, scratch: Path, port: int) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """See `ScorePeer.command`."""
        return (sys.executable, "-m", "deploy.score_peers.feast_fastapi_server", str(scratch), str(port))

    def environment(self, scratch: Path) -> Mapping[str, str]:  # noqa: ARG002 - of the contract
        """See `ScorePeer.environment`."""
        return {"FEAST_USAGE": "False"}

    def request(self, question: Question) -> bytes:
        """See `ScorePeer.request`."""
        return post(PATH, msgspec.json.encode({"user_id": question.user}))
