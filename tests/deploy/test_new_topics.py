"""Topics that `up` makes are adopted by it, whatever comes between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.new_topics import create_topics
from features.errors import StoreUnavailableError
from features.store import AdoptedLog
from streams.logs import LogInfo


class Broker:
    """Topics by name."""

    def __init__(self, *there: str) -> None:
        self.topics = set(there)

    def describe(self, topics: Sequence[str]) -> dict[str, LogInfo]:
        return {name: LogInfo(f"log of {name}", 1) for name in topics if name in self.topics}

    def create(self, topics: Sequence[str], partitions: int) -> list[str]:
        made = [name for name in topics if name not in self.topics]
        self.topics.update(made)
        return made


class Store:
    """Remembers what was adopted, and may go away before the n-th adoption."""

    def __init__(self, fails_at: int = -1) -> None:
        self.adopted: dict[str, str] = {}
        self.fails_at = fails_at

    async def adopt_log(self, log: AdoptedLog) -> None:
        if len(self.adopted) == self.fails_at:
            raise StoreUnavailableError("store", "went away")
        self.adopted[log.topic] = log.log


async def test_only_what_was_missing_is_created_and_adopted(tmp_path: Path) -> None:
    """A topic that was there before may be another's, or made anew: it wants a person's word."""
    broker, store, note = Broker("old"), Store(), tmp_path / "note"
    assert await create_topics(broker, store, ["old", "new"], partitions=1, note=note) == ["new"]
    assert store.adopted == {"new": "log of new"}
    assert await create_topics(broker, store, ["old", "new"], partitions=1, note=note) == []
    assert not note.exists()


@pytest.mark.parametrize("adopted_before", [0, 1])
async def test_what_an_interrupted_run_created_is_adopted_by_the_next(tmp_path: Path, adopted_before: int) -> None:
    """Cut short between creation and adoption: the topics are there then, and all the same known to be ours."""
    broker, note = Broker("old"), tmp_path / "note"
    with pytest.raises(StoreUnavailableError):
        await create_topics(broker, Store(adopted_before), ["old", "a", "b"], partitions=1, note=note)
    store = Store()
    assert await create_topics(broker, store, ["old", "a", "b"], partitions=1, note=note) == ["a", "b"]
    assert store.adopted == {"a": "log of a", "b": "log of b"}
    assert not note.exists()
