"""The watches on all model versions that score records come from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import NamedTuple, Protocol

import msgspec
import structlog

from features.clock import Clock
from features.errors import BundleCorruptError
from features.nouns import ScoreRecord
from features.settings import MonitorSettings
from monitoring.model_watch import ModelWatch, Verdict
from monitoring.reference import Reference
from monitoring.reference_shelf import Serving
from monitoring.sample_window import Row
from monitoring.scores_topic import ScoreMessage

RETRY_US = 60_000_000
RETIRE_US = 600_000_000

log = structlog.get_logger(__name__)


class References(Protocol):
    """Where references come from: `monitoring.reference_shelf.ReferenceShelf`, or a fake."""

    def serving(self, model: str) -> list[Serving]:
        """The versions that serve a model, as whichever arm."""

    def find(self, model: str, version: str) -> Reference | None:
        """What a version was trained on."""


class Judged(NamedTuple):
    """A verdict, and whose it is.

    Parameters
    ----------
    watch
        On the model version.
    verdict
        On its window.

    """

    watch: ModelWatch
    verdict: Verdict


class Watches:
    """Hands each score record to the watch on the model version that it names, opening one where there is none.

    Parameters
    ----------
    references
        A version without a reference is not watched; it is asked for again after a minute.
    settings
        For the watches.
    clock
        Processing time, for retries and retirement only.

    """

    def __init__(self, *, references: References, settings: MonitorSettings, clock: Clock) -> None:
        self.records: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.windows = 0
        self._references = references
        self._settings = settings
        self._clock = clock
        self._decode = msgspec.json.Decoder(ScoreRecord).decode
        self._watches: dict[tuple[str, str], ModelWatch] = {}
        self._last_us: dict[tuple[str, str], int] = {}
        self._missing_since_us: dict[tuple[str, str], int] = {}

    @property
    def seen(self) -> int:
        """Records read, watched or not."""
        return self.records.total() + self.skipped.total()

    @property
    def open(self) -> tuple[ModelWatch, ...]:
        """All watches."""
        return tuple(self._watches.values())

    def take(self, messages: Iterable[ScoreMessage]) -> Iterator[Judged]:
        """Read records.

        Parameters
        ----------
        messages
            In the order of time.

        Yields
        ------
        Judged
            Whenever a window is complete.

        """
        for message in messages:
            placed = self._place(message)
            if isinstance(placed, str):
                self.skipped[placed] += 1
                continue
            watch, row = placed
            yield from self._judged(watch, watch.add(row))

    def settle(self) -> Iterator[Judged]:
        """Judge the windows that are full: nothing has come for a while.

        Yields
        ------
        Judged
            One a full window.

        """
        yield from self._each(ModelWatch.settle)

    def flush(self) -> Iterator[Judged]:
        """Judge what there is: nothing more will come.

        Yields
        ------
        Judged
            One a window that is large enough to say anything.

        """
        yield from self._each(ModelWatch.flush)

    def retire(self) -> list[ModelWatch]:
        """Close the watches on versions that have been replaced and not been heard of for ten minutes.

        Returns
        -------
        list of ModelWatch
            Those closed.

        """
        horizon_us = self._clock.now_us() - RETIRE_US
        gone = [key for key, last_us in self._last_us.items() if last_us < horizon_us and not self._serves(*key)]
        for key in gone:
            del self._last_us[key]
        return [self._watches.pop(key) for key in gone]

    def restart_offsets(self, next_offsets: Mapping[int, int]) -> dict[int, int]:
        """Where a new process must begin, so that no record of an open window is missing from it.

        Parameters
        ----------
        next_offsets
            By partition, the offset after the last record taken.

        Returns
        -------
        dict
            By partition, the least of that and the first offset of each open window.

        """
        return {
            partition: min([offset, *(w.first_offsets[partition] for w in self.open if partition in w.first_offsets)])
            for partition, offset in next_offsets.items()
        }

    def _place(self, message: ScoreMessage) -> tuple[ModelWatch, Row] | str:
        """Whom a record concerns and what of it; where nobody, why."""
        try:
            record = self._decode(message.value or b"")
        except msgspec.MsgspecError:
            return "not_decodable"
        watch = self._watch(record.model, record.version)
        if watch is None:
            return "no_reference"
        if record.features != watch.reference.features or len(record.vector) != len(record.features):
            return "other_features"
        self.records[record.model] += 1
        values = (*(math.nan if value is None else value for value in record.vector), record.score)
        return watch, Row(message.partition, message.offset, record.as_of_us, values)

    def _watch(self, model: str, version: str) -> ModelWatch | None:
        key, now_us = (model, version), self._clock.now_us()
        if key not in self._watches:
            if now_us < self._missing_since_us.get(key, -RETRY_US) + RETRY_US:
                return None
            reference = self._reference(model, version)
            if reference is None:
                self._missing_since_us[key] = now_us
                return None
            self._missing_since_us.pop(key, None)
            random = Random(0)  # noqa: S311 - draws samples, guards nothing; seeded so that a report can be made again
            self._watches[key] = ModelWatch(model, version, reference=reference, settings=self._settings, random=random)
        self._last_us[key] = now_us
        return self._watches[key]

    def _reference(self, model: str, version: str) -> Reference | None:
        try:
            reference = self._references.find(model, version)
        except BundleCorruptError as error:
            log.error("the reference does not read; its records are not watched", model=model, error=str(error))
            return None
        if reference is None:
            log.warning("there is no reference; its records are not watched", model=model, version=version)
        return reference

    def _serves(self, model: str, version: str) -> bool:
        try:
            serving = self._references.serving(model)
        except BundleCorruptError:
            return True
        return version in {each.version for each in serving}

    def _each(self, judge: Callable[[ModelWatch], Verdict | None]) -> Iterator[Judged]:
        for watch in self.open:
            yield from self._judged(watch, judge(watch))

    def _judged(self, watch: ModelWatch, verdict: Verdict | None) -> Iterator[Judged]:
        if verdict is not None:
            self.windows += 1
            yield Judged(watch, verdict)
