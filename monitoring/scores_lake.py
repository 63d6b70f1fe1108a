"""`millstream.scores` as the lake holds it, for when the broker has forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from features.lake import Lake
from features.nouns import SCORES_SOURCE
from monitoring.scores_topic import ScoreMessage


def read_scores(lake: Lake) -> Iterator[ScoreMessage]:
    """All score records of the lake, oldest first.

    Parameters
    ----------
    lake
        Where the worker keeps every record of every topic.

    Yields
    ------
    ScoreMessage
        In the order of their Kafka timestamps.

    """
    table = lake.read(SCORES_SOURCE).select(["partition", "offset", "kafka_us", "value"]).sort_by("kafka_us")
    for batch in table.to_batches():
        columns = (batch.column(name).to_pylist() for name in ("partition", "offset", "value"))
        for partition, offset, value in zip(*columns, strict=True):
            yield ScoreMessage(partition, offset, value)
