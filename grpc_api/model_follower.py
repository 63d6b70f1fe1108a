"""Follows the pointer files of all models in a thread, and swaps what they point at, off the request path."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from grpc_api.followed_model import FollowedModel, Loading
from grpc_api.model_set import ModelSet
from grpc_api.models import Models
from grpc_api.pointer import CHAMPION_POINTERS
from grpc_api.rounds import Rounds

INTERVAL_S = 0.2


class ModelFollower:
    """Keeps `Models` on what the pointer files say.

    Parameters
    ----------
    folder
        Of all models.
    loading
        How a pointer becomes a model.
    models
        What requests see.
    on_swap
        Told the arms of a model whenever they are others.
    on_refused
        Told how much of what the files of a model say is refused, whenever that changes.
    turn
        When in each interval this process looks, as a fraction of it: processes that share a port take turns, so that
        they do not all load a model at one instant.

    """

    def __init__(
        self,
        *,
        folder: Path,
        loading: Loading,
        models: Models,
        on_swap: Callable[[ModelSet], None] = lambda _: None,
        on_refused: Callable[[str, int], None] = lambda _name, _n: None,
        turn: float = 0.0,
    ) -> None:
        self._folder = folder
        self._loading = loading
        self._models = models
        self._on_swap = on_swap
        self._on_refused = on_refused
        self._followed: dict[str, FollowedModel] = {}
        self._n_refused: dict[str, int] = {}
        self._anew = False
        self._rounds = Rounds(self.look, name="models", wait_s=lambda: until_turn(time.monotonic(), INTERVAL_S, turn))

    def start(self) -> None:
        """Load what is there, then follow in a thread."""
        self.look()
        self._rounds.start()

    def stop(self) -> None:
        """End the thread."""
        self._rounds.stop()

    def look_anew(self) -> None:
        """At the next look, try every bundle again that was refused: other plans are in force."""
        self._anew = True

    def look(self) -> None:
        """Swap what was replaced since the last look."""
        anew, self._anew = self._anew, False
        for file in sorted(self._folder.glob(CHAMPION_POINTERS)):
            name = file.parent.name
            followed = self._follow(name)
            if anew:
                followed.look_anew()
            arms = followed.look()
            if arms is not None and arms != self._models.served.get(name):
                self._models.put(arms)
                self._on_swap(arms)
            n_refused = followed.n_refused
            if n_refused != self._n_refused.get(name, 0):
                self._n_refused[name] = n_refused
                self._on_refused(name, n_refused)

    def _follow(self, name: str) -> FollowedModel:
        """The follower of one model, made when it is first seen: one made at each look would be cyclic garbage."""
        followed = self._followed.get(name)
        if followed is None:
            followed = self._followed[name] = FollowedModel(self._folder, name, self._loading)
        return followed


def until_turn(now_s: float, interval_s: float, turn: float) -> float:
    """Seconds until the next instant that lies a fraction ``turn`` past a whole number of intervals.

    All processes of a machine read one monotonic clock, so their turns keep their distance.

    Examples
    --------
    >>> until_turn(10.0, 1.0, 0.25)
    0.25

    """
    return interval_s - (now_s - turn * interval_s) % interval_s
