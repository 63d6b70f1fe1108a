"""Every peer of the scorer's bench, in the order of the tables."""

from __future__ import annotations

from typing import Final

from deploy.score_peers.bento import Bento
from deploy.score_peers.feast_fastapi import FeastFastApi
from deploy.score_peers.ml_server import MlServer
from deploy.score_peers.peer import ScorePeer

PEERS: Final[tuple[type[ScorePeer], ...]] = (FeastFastApi, MlServer, Bento)
"""Classes, each of which is made without loading the framework that it runs."""
