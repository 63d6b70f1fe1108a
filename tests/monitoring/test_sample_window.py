"""Windows that sample."""

from __future__ import annotations

from random import Random

import numpy as np
from scipy.stats import chisquare

from monitoring.sample_window import Row, SampleWindow


def fill(window: SampleWindow, instants: list[int]) -> int:
    """Add rows, one an instant, until the window is complete; how many it took."""
    for number, as_of_us in enumerate(instants):
        window.add(Row(0, number, as_of_us, (float(number),)))
        if window.complete:
            return number + 1
    return len(instants)


def test_live_traffic_completes_a_window_when_it_is_full() -> None:
    """Instants all differ: the window takes its rows and the few by which a batch is told."""
    window = SampleWindow(capacity=100, patience=8, random=Random(0))
    assert fill(window, list(range(1_000))) == 108
    assert (len(window), window.seen) == (100, 108)


def test_a_batch_is_taken_whole() -> None:
    """The window stays open while records of one instant come, also with live ones in between."""
    window = SampleWindow(capacity=100, patience=8, random=Random(0))
    batch = [7 if number % 4 else 1_000 + number for number in range(5_000)]
    assert fill(window, batch) == 5_000
    assert not window.complete
    assert fill(window, list(range(9_000, 9_100))) <= 10


def test_every_row_of_a_batch_has_the_same_chance() -> None:
    """Kept rows are spread evenly over the batch."""
    hits = np.zeros(10)
    for seed in range(200):
        window = SampleWindow(capacity=50, random=Random(seed))
        for number in range(1_000):
            window.add(Row(0, number, 7, (float(number),)))
        hits += np.histogram(window.to_rows()[:, 0], bins=10, range=(0, 1_000))[0]
    assert hits.sum() == 200 * 50
    assert chisquare(hits).pvalue > 0.001


def test_rows_come_in_random_order() -> None:
    """What is sorted by key arrives shuffled."""
    window = SampleWindow(capacity=1_000, random=Random(0))
    fill(window, [7] * 1_000)
    order = window.to_rows()[:, 0]
    assert abs(np.corrcoef(order, np.arange(1_000))[0, 1]) < 0.1
    assert sorted(order) == list(range(1_000))


def test_it_knows_where_it_begins_and_what_it_covers() -> None:
    """First offsets, for a restart; instants, for the report."""
    window = SampleWindow(capacity=10, random=Random(0))
    for partition, offset, as_of_us in ((1, 40, 9), (0, 7, 3), (1, 41, 5)):
        window.add(Row(partition, offset, as_of_us, (0.0,)))
    assert window.first_offsets == {1: 40, 0: 7}
    span = window.span(4)
    assert (span.index, span.rows, span.seen, span.first_as_of_us, span.last_as_of_us) == (4, 3, 3, 3, 9)
