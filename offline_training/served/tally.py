"""What became of the score records that a training set was asked of: how many are rows, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec

Reason: TypeAlias = Literal[
    "supplied",
    "without_store",
    "other_inputs",
    "behind_state",
    "other_policy",
    "outcome_dropped",
    "waiting",
    "asked_otherwise",
    "unlabelled",
    "repeated",
]

REASONS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        "supplied": "have a vector that the caller supplied",
        "without_store": "were made without the store, and say nothing of their entity",
        "other_inputs": "were made of other features, views or request-time code than the model has now",
        "behind_state": "were asked as of an instant that the state had passed, and know what came after it",
        "other_policy": "have missing values that the model's policy would treat otherwise now",
        "outcome_dropped": "have outcomes that rest on records which the lake has dropped",
        "waiting": "wait for their outcome",
        "asked_otherwise": "were asked with other request fields than were observed",
        "unlabelled": "meet no observation of the labels' SQL",
        "repeated": "repeat a question: one row an observation",
    }
)
"""Why a record is no row, in the order in which they are looked for."""


class ServedTally(msgspec.Struct, frozen=True, kw_only=True):
    """All score records of a model, counted.

    Each is one of the ``rows`` or left out for one reason. ``noted`` counts the rows of which some value was missing
    when they were served, and stands there as the model's policy had it.
    """

    records: int
    rows: int
    noted: int
    left_out: dict[Reason, int]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.rows:,} of {self.records:,} score records are rows"
        if self.noted:
            yield f"{self.noted:,} of the rows were served with a missing value, as the model's policy treats it"
        yield from (f"{n:,} {REASONS[reason]}" for reason, n in self.left_out.items())
