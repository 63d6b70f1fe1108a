"""What a peer of the scorer's bench is: a server of another make with the same model, asked about the same entities.

It is given a folder with `MODEL_TEXT`, the model as LightGBM writes it, and listens on a port of the loopback. One that
reads features has the store in ``PEER_STORE`` (``host:port``), where our worker's fields are laid out as Feast's. One
that does not is sent the vector that the entity's state gives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from deploy.score_bench.link import Door

MODEL_TEXT: Final = "model.txt"
STORE: Final = "PEER_STORE"


class Question(NamedTuple):
    """One entity that is asked about, and its vector."""

    user: int
    vector: Sequence[float]


class ScorePeer(ABC):
    """One peer: how to make it ready, how to start it, how to ask it."""

    name: ClassVar[str]
    """As it stands in the tables."""
    does: ClassVar[str]
    """What a call of it is, beside a call of ours."""
    door: ClassVar[Door]
    ready_deadline_s: ClassVar[float] = 60.0

    def prepare(self, folder: Path) -> None:  # noqa: B027 - what runs in our environment needs nothing
        """Install it below a folder that is kept between runs; UnavailableError says what is missing."""

    @abstractmethod
    def command(self, folder: Path, scratch: Path, port: int) -> Sequence[str]:
        """Program and arguments; ``scratch``, this run's own, holds the model."""

    def environment(self, scratch: Path) -> Mapping[str, str]:  # noqa: ARG002 - most need none
        """Variables beside the store's."""
        return {}

    @abstractmethod
    def request(self, question: Question) -> bytes:
        """A call, as bytes for its door."""
