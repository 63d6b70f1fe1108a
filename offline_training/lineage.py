"""From what a model was made: the positions of the lake, and the software of this process."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol

import msgspec

_SOFTWARE: Final = ("millstream", "numpy", "onnx", "onnxruntime", "scikit-learn", "lightgbm", "scipy", "fairlearn")


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition of a log is in the lake."""

    topic: str
    log: str
    partition: int
    next_offset: int


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """``versions`` are by distribution, Python's and the machine's first."""

    positions: tuple[Position, ...]
    versions: dict[str, str]


class Tips(Protocol):
    """A lake that says how far it is."""

    def tips(self, topic: str) -> Mapping[str, Mapping[int, int]]:
        """Per log and partition the offset after the last."""
        ...


def trace(lake: Tips, topics: Iterable[str], libraries: Sequence[str] = ()) -> Lineage:
    """What the lake holds now of these topics, and what runs here; ``libraries`` are of the learner."""
    positions = tuple(
        Position(topic=topic, log=log, partition=partition, next_offset=next_offset)
        for topic in sorted(topics)
        for log, partitions in sorted(lake.tips(topic).items())
        for partition, next_offset in sorted(partitions.items())
    )
    found = {"Python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in dict.fromkeys((*_SOFTWARE, *libraries)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an extra that is not installed
            continue
    return Lineage(positions=positions, versions=found)
