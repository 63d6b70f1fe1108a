"""BentoML with the same booster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from deploy.peers import environments
from deploy.score_bench.http_link import HttpDoor, post
from deploy.score_peers.peer import MODEL_TEXT, Question, ScorePeer
from deploy.server_process import LOOPBACK

REQUIREMENTS: Final = Path(__file__).parent / "requirements" / "bentoml.txt"
MODEL_FILE: Final = "PEER_MODEL"
PATH: Final = "/predict"


class Bento(ScorePeer):
    """A service of one process."""

    name = "BentoML, LightGBM"
    does = "scores a vector that the request carries"
    door = HttpDoor()

    def prepare(self, folder: Path) -> None:
        """Its environment."""
        environments.install(self.name, folder, REQUIREMENTS)

    def command(self, folder: Path, scratch: Path, port: int) -> Sequence[str]:  # noqa: ARG002 - of the contract
        """See `ScorePeer.command`."""
        at = ("--host", LOOPBACK, "--port", str(port))
        return (
            str(environments.python(folder)),
            "-m",
            "bentoml",
            "serve",
            "deploy.score_peers.bento_service:Scoring",
            *at,
        )

    def environment(self, scratch: Path) -> Mapping[str, str]:
        """See `ScorePeer.environment`."""
        own = {"BENTOML_HOME": str(scratch), "BENTOML_DO_NOT_TRACK": "True", MODEL_FILE: str(scratch / MODEL_TEXT)}
        return {**environments.VARIABLES, **own}

    def request(self, question: Question) -> bytes:
        """See `ScorePeer.request`."""
        return post(PATH, msgspec.json.encode({"vector": question.vector}))
