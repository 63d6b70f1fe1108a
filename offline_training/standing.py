"""Who serves a model as what, as the registry says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from features.errors import CorruptError
from features.routing import ARMS, CHALLENGER, CHAMPION, ROUTING_TAG, SHADOW, Arm, Routing

CHAMPIONS_TAG: Final = "champions"
"""The tag of a registered model that names its champions so far, the newest last."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves a model as what: the version of each arm that has one, the routing, and the champions so far."""

    model: str
    arms: dict[Arm, str]
    routing: Routing
    champions: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """For people."""
        for arm, version in self.arms.items():
            yield f"{self.model} {version:>3} serves as {arm}{self._share(arm)}"

    def _share(self, arm: Arm) -> str:
        shares = {CHALLENGER: self.routing.challenger, SHADOW: self.routing.shadow}
        if CHALLENGER in self.arms:
            shares[CHAMPION] = 1 - self.routing.challenger
        return f", {shares[arm]:.4g} of all by {', '.join(self.routing.by) or 'entity'}" if arm in shares else ""


def standing_of(found: Any) -> Standing:
    """What the aliases and tags of MLflow's registered model say."""
    name, aliases, tags = str(found.name), found.aliases, found.tags
    try:
        routing = msgspec.json.decode(tags[ROUTING_TAG], type=Routing) if ROUTING_TAG in tags else Routing()
        champions = msgspec.json.decode(tags.get(CHAMPIONS_TAG, "[]"), type=tuple[str, ...])
    except msgspec.MsgspecError as error:
        raise CorruptError(f"registered model {name}", f"has tags that do not read ({error})") from error
    arms = {arm: str(aliases[arm]) for arm in ARMS if arm in aliases}
    return Standing(model=name, arms=arms, routing=routing, champions=champions)
