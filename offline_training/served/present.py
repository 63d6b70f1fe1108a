"""What the model's inputs are now: a vector that was made of others teaches it nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from features.attribution import bits
from features.nouns import KeyValue, Note, Struct
from features.plan import Plan
from features.vector import Assembler, RequestValue
from offline_training.served.tally import Reason

TransformsOf: TypeAlias = Callable[[str], str | None]
"""Hash of the request-time code of a plan, by that plan's hash; None where it is not known here."""


class Reading(Struct, frozen=True, kw_only=True):
    """Which view went into a score, and how it was declared."""

    view: str
    view_hash: str


class ServedRecord(Struct, frozen=True, kw_only=True):
    """As much of a score record as training needs; see `features.nouns.ScoreRecord`."""

    request_id: str
    scored_at: datetime
    as_of_us: int
    arm: str
    plan_hash: str
    service: str
    source: Literal["fetched", "supplied", "defaulted"] = "fetched"
    entity: dict[str, KeyValue]
    request: dict[str, RequestValue] = msgspec.field(default_factory=dict)
    views: tuple[Reading, ...]
    features: tuple[str, ...]
    vector: tuple[float | None, ...]
    notes: tuple[Note, ...] = ()


class PresentInputs:
    """Tells whether a recorded vector is what the model would be given now, for the same states and request."""

    def __init__(self, plan: Plan, assembler: Assembler, service: str, transforms_of: TransformsOf) -> None:
        self._plan = plan
        self._service = service
        self._transforms_of = transforms_of
        self._views = {view.name: view.hash for view in assembler.views}
        self._keys = {key.name for view in assembler.views for key in view.keys}
        self._computes = any(ref.kind == "request" for ref in plan.service(service).features)
        self._missing = assembler.missing
        self._places = {name: place for place, name in enumerate(assembler.names)}
        self.names = assembler.names

    def refusal(self, record: ServedRecord) -> Reason | None:
        """Why it is not; None where it is."""
        if record.source == "supplied":
            return "supplied"
        if record.source == "defaulted":
            return "without_store"
        if not self._made_alike(record):
            return "other_inputs"
        if any(note.reason == "as_of_behind_state" for note in record.notes):
            return "behind_state"
        return None if self._remedied_alike(record) else "other_policy"

    def _made_alike(self, record: ServedRecord) -> bool:
        return (
            record.service == self._service
            and record.features == self.names
            and len(record.vector) == len(self.names)
            and {reading.view: reading.view_hash for reading in record.views} == self._views
            and self._keys <= record.entity.keys()
            and (
                not self._computes
                or record.plan_hash == self._plan.hash
                or self._transforms_of(record.plan_hash) == self._plan.transforms_sha256
            )
        )

    def _remedied_alike(self, record: ServedRecord) -> bool:
        """Whether what stands in for each missing value is what the policy has for it now."""
        for note in record.notes:
            place, remedy = self._places.get(note.feature), self._missing.of(note.feature)
            if place is None or remedy == "fail":
                return False
            if bits(record.vector[place]) != bits(math.nan if remedy == "nan" else float(remedy)):
                return False
        return True
