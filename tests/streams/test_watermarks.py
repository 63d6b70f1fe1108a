"""Event time per partition, as it is exported."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from features.decode import Decoder
from streams.batch import Batch, to_batch
from streams.metrics import WorkerMetrics
from streams.watermarks import Watermarks
from tests.streams.shop import LOG, OTHER_LOG, SOURCE, START_US, TOPIC, Record, value

SECOND_US = 1_000_000
DECODER = Decoder(SOURCE)


def batch_of(event_s: Sequence[int | None], *, arrived_s: int = 1_000, first: int = 0, log: str = LOG) -> Batch:
    """Events by their seconds; None is no valid event."""
    records = [
        Record(
            first + i,
            START_US // 1_000 + arrived_s * 1_000,
            b"?" if at is None else value("ann", START_US + at * SECOND_US, 1.0),
        )
        for i, at in enumerate(event_s)
    ]
    return to_batch(records, topic=TOPIC, log=log, partition=0)


class Gauge:
    """Watermarks, and what they export."""

    def __init__(self) -> None:
        self.metrics = WorkerMetrics()
        self.watermarks = Watermarks(self.metrics)

    def observe(self, batch: Batch) -> None:
        self.watermarks.observe(batch, DECODER.decode(batch.values, batch.kafka_us))

    def newest_s(self, log: str = LOG) -> int | None:
        mark = self.watermarks.of(TOPIC, log, 0)
        return None if mark is None else (mark.newest_us - START_US) // SECOND_US

    def sample(self, name: str, le: str | None = None) -> float:
        labels = {"topic": TOPIC} | ({} if le is None else {"le": le})
        found = self.metrics.registry.get_sample_value(f"millstream_worker_{name}", labels)
        return 0.0 if found is None else found


def test_the_watermark_is_the_newest_valid_event_time() -> None:
    """Refused records and late events do not move it; another log has its own."""
    seen = Gauge()
    seen.observe(batch_of([None]))
    assert seen.newest_s() is None
    seen.observe(batch_of([5, None, 9, 7], first=1))
    seen.observe(batch_of([8], first=5))
    seen.observe(batch_of([1], log=OTHER_LOG))
    assert (seen.newest_s(), seen.newest_s(OTHER_LOG)) == (9, 1)


def test_lag_is_measured_by_kafkas_clock() -> None:
    """It grows while nothing valid comes, and stands still while nothing comes at all."""
    seen = Gauge()
    seen.observe(batch_of([5], arrived_s=30))
    mark = seen.watermarks.of(TOPIC, LOG, 0)
    assert mark is not None
    assert mark.lag_us == 25 * SECOND_US
    seen.observe(batch_of([None], arrived_s=60, first=1))
    assert mark.lag_us == 55 * SECOND_US


def test_lateness_is_counted_by_how_far_an_event_lies_behind() -> None:
    """In order is 0; the watermark of the batch before counts."""
    seen = Gauge()
    seen.observe(batch_of([100, 100, 99]))
    seen.observe(batch_of([30], first=3))
    assert seen.sample("lateness_seconds_bucket", "0.0") == 2
    assert seen.sample("lateness_seconds_bucket", "1.0") == 3
    assert seen.sample("lateness_seconds_bucket", "60.0") == 3
    assert seen.sample("lateness_seconds_bucket", "600.0") == seen.sample("lateness_seconds_count") == 4
    assert seen.sample("lateness_seconds_sum") == 71


def test_clock_skew_is_counted_by_how_far_an_event_lies_ahead_of_kafka() -> None:
    """Behind Kafka's clock is 0; what is further ahead than declared was refused, and is no event."""
    seen = Gauge()
    seen.observe(batch_of([1_000, 1_005, 900, 9_999]))
    assert seen.sample("ahead_seconds_bucket", "0.0") == 2
    assert seen.sample("ahead_seconds_bucket", "1.0") == 2
    assert seen.sample("ahead_seconds_bucket", "10.0") == seen.sample("ahead_seconds_count") == 3


@given(
    st.lists(st.none() | st.integers(0, 60), max_size=30), st.lists(st.integers(1, 9), min_size=1), st.integers(0, 4)
)
@settings(max_examples=60)
def test_neither_batches_nor_what_is_read_again_show(events: list[int | None], sizes: list[int], rewind: int) -> None:
    """However the records of a partition are cut, and some of them read twice, the same is exported."""
    whole, cut = Gauge(), Gauge()
    if events:
        whole.observe(batch_of(events))
    at = turn = 0
    while at < len(events):
        begin, at = max(0, at - rewind), at + sizes[turn % len(sizes)]
        turn += 1
        cut.observe(batch_of(events[begin:at], first=begin))
    assert cut.newest_s() == whole.newest_s()
    for le in (None, "0.0", "1.0", "10.0", "60.0"):
        name = "lateness_seconds_sum" if le is None else "lateness_seconds_bucket"
        assert cut.sample(name, le) == whole.sample(name, le)
