"""How the entity of a request is named in it, and where it lies in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from features.errors import RequestError
from features.feast_layout import KeyLayout
from features.nouns import KeyValue
from features.plan import EntityKeyPlan, ViewPlan
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb

T = TypeVar("T")

KIND: Final = {"string": "text", "int32": "integer", "int64": "integer"}
"""Which field of a value holds a key of a type."""


class EntityKeys:
    """The join keys of some views: reads them from a request, and names the hashes that they lead to.

    ``types`` tells the type of each, ``names`` are their names.
    """

    def __init__(self, project: str, views: Sequence[ViewPlan]) -> None:
        self._keys: dict[str, EntityKeyPlan] = {}
        for key in (key for view in views for key in view.keys):
            if self._keys.setdefault(key.name, key).type != key.type:
                raise RequestError(key.name, "has two types in one service", "declare the join key with one type")
        self.types = {key.name: key.type for key in self._keys.values()}
        self.names = frozenset(self._keys)
        groups = list(dict.fromkeys(view.keys for view in views))
        self._layouts = [(KeyLayout(project, group), tuple(key.name for key in group)) for group in groups]
        self._layout_of_view = tuple(groups.index(view.keys) for view in views)

    def parse(self, given: Mapping[str, pb.Value]) -> dict[str, KeyValue]:
        """The value of each join key; RequestError where one is missing, unknown or of the wrong type."""
        entity = {}
        for name, key in self._keys.items():
            if name not in given:  # asking a map of messages for a key would make it
                raise RequestError(f"entity.{name}", "is missing", f"the join keys are {self._declared()}")
            value = given[name]
            kind = value.WhichOneof("kind")
            if kind != KIND[key.type]:
                found = "null" if kind is None else f"set as `{kind}`"
                raise RequestError(f"entity.{name}", f"is {found}", f"it is a {key.type}: set `{KIND[key.type]}`")
            entity[name] = given_value = getattr(value, kind)
            if key.type == "int32" and not -(2**31) <= given_value < 2**31:
                raise RequestError(f"entity.{name}", f"is {given_value}", "it is an int32: send one that fits")
        if len(given) > len(entity):
            extra = sorted(set(given) - set(entity))
            raise RequestError(f"entity.{extra[0]}", "is not a join key", f"the join keys are {self._declared()}")
        return entity

    def store_keys(self, entities: Sequence[Mapping[str, KeyValue]]) -> list[bytes]:
        """The store's keys of these entities: for each, one per distinct set of join keys."""
        if len(self._layouts) == 1:
            ((layout, names),) = self._layouts
            return [layout.key([entity[name] for name in names]) for entity in entities]
        return [layout.key([entity[name] for name in names]) for entity in entities for layout, names in self._layouts]

    def by_view(self, found: list[list[T]]) -> list[list[T]]:
        """What was found under those keys, which have a value for each view, as a row of the views for each entity."""
        width = len(self._layouts)
        if width == 1:
            return found
        return [
            [found[begin + at][view] for view, at in enumerate(self._layout_of_view)]
            for begin in range(0, len(found), width)
        ]

    def _declared(self) -> str:
        return ", ".join(f"{key.name} ({key.type})" for key in self._keys.values()) or "none"
