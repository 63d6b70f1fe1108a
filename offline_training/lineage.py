"""From what a model was made: the positions of the lake, and the software of this process."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol

import msgspec

from offline_training.dataset_table import Origin
from offline_training.learners import LEARNERS

_SOFTWARE: Final = ("millstream", "numpy", "scipy", "onnx", "onnxruntime", "fairlearn")
"""Beside the libraries of the learners."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition of a log is in the lake."""

    topic: str
    log: str
    partition: int
    next_offset: int


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """``versions`` are by distribution, Python's and the machine's first.

    ``dataset`` is where observations were read, None: they are of the lake.
    """

    positions: tuple[Position, ...]
    versions: dict[str, str]
    dataset: Origin | None = None


class Tips(Protocol):
    """A lake that says how far it is."""

    def tips(self, topic: str) -> Mapping[str, Mapping[int, int]]:
        """Per log and partition the offset after the last."""
        ...


def trace(lake: Tips, topics: Iterable[str]) -> Lineage:
    """What the lake holds now of these topics, and what runs here."""
    positions = tuple(
        Position(topic=topic, log=log, partition=partition, next_offset=next_offset)
        for topic in sorted(topics)
        for log, partitions in sorted(lake.tips(topic).items())
        for partition, next_offset in sorted(partitions.items())
    )
    found = {"Python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in (*_SOFTWARE, *sorted({learner.library for learner in LEARNERS.values()})):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an extra that is not installed
            continue
    return Lineage(positions=positions, versions=found)
