"""Topics that are missing at the broker, made and adopted as one step, whatever interrupts it.

A log that nobody adopted is refused, and rightly: somebody may have made the topic anew. So what is about to be
created is written down first, and a run that finds such a note adopts what an interrupted one had created.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from features.store import AdoptedLog
from streams.logs import LogInfo


class Logs(Protocol):
    """The part of the broker that knows and makes topics."""

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        """Log and partitions of each topic that exists."""
        ...

    def create(self, topics: Sequence[str], partitions: int) -> list[str]:
        """Create the topics that are not there, and wait until all are shown; names of those created."""
        ...


class Adopting(Protocol):
    """The part of the store that adopts logs."""

    async def adopt_log(self, log: AdoptedLog) -> None:
        """Certify on every shard that this log may be read from there on."""
        ...


async def create_topics(
    logs: Logs, store: Adopting, topics: Sequence[str], *, partitions: int, note: Path
) -> list[str]:
    """Create the topics that are missing and adopt their logs; their names.

    Parameters
    ----------
    logs, store
        Broker and store, connected.
    topics
        Every topic that must be there.
    partitions
        Of each new topic.
    note
        File that names what is being created, there from before the first is until the last is adopted.

    Raises
    ------
    BrokerUnavailableError
        The broker does not answer, or does not show a topic that it has created.

    """
    there = await asyncio.to_thread(logs.describe, topics)
    ours = sorted({*read_note(note), *(topic for topic in topics if topic not in there)})
    if not ours:
        return []
    write_note(note, ours)
    await asyncio.to_thread(logs.create, ours, partitions)
    found = await asyncio.to_thread(logs.describe, ours)
    for topic in ours:
        await store.adopt_log(AdoptedLog(topic=topic, log=found[topic].log, start={}))
    remove_note(note)
    return ours


def write_note(note: Path, topics: Sequence[str]) -> None:
    """Write down what is about to be created."""
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_bytes(msgspec.json.encode(topics))


def remove_note(note: Path) -> None:
    """All is adopted."""
    note.unlink()


def read_note(note: Path) -> list[str]:
    """What an earlier run was about to create; nothing where there is no note, or one that was cut short."""
    try:
        return msgspec.json.decode(note.read_bytes(), type=list[str])
    except (FileNotFoundError, msgspec.DecodeError):
        return []
