"""What a gateway serves, as it says itself in its description: every route, and bodies that it takes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

DESCRIPTION: Final = "/openapi.json"
ABOUT_THEM: Final = (DESCRIPTION, "/docs")
"""Routes that no description tells of."""
PATIENCE_S: Final = 30.0


class Route(NamedTuple):
    """One route; its path has names in braces that stand for others. ``bodies`` are all answered."""

    verb: str
    path: str
    bodies: tuple[bytes, ...]

    def filled(self, names: Mapping[str, str]) -> str:
        """The path about something."""
        return self.path.format_map(names)

    @property
    def has_good(self) -> bool:
        """Whether it is known what it answers."""
        return bool(self.bodies) or self.verb == "GET"


class RestSurface(NamedTuple):
    """All routes, and the names that stand for those in their paths."""

    routes: Sequence[Route]
    names: Mapping[str, str]


def rest_surface_of(address: str, model: str, seeds: Mapping[str, Sequence[bytes]]) -> RestSurface:
    """All routes of the gateway there; ``seeds`` are bodies that are answered besides its own examples, by path."""
    routes = [Route("GET", path, ()) for path in ABOUT_THEM]
    for path, verbs in _get(address, DESCRIPTION)["paths"].items():
        routes += [
            Route(verb.upper(), path, (*_bodies(described), *seeds.get(path, ()))) for verb, described in verbs.items()
        ]
    version = _get(address, f"/v2/models/{model}")["versions"][0]
    return RestSurface(routes, {"model_name": model, "version": version})


def _bodies(described: Mapping[str, Any]) -> tuple[bytes, ...]:
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    return tuple(json.dumps(example["value"]).encode() for example in content.get("examples", {}).values())


def _get(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE_S) as answer:
        return json.load(answer)
