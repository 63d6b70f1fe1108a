"""A backfill that is cut up, as a cluster does it, gives the bits of the whole one, in the same order."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from typing import Any

import dask
import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.backfill import backfill
from features.dask_cluster import open_cluster
from features.dask_fold import Asked, LakeSite, Spread, fold_on_cluster, join_folded
from features.decode import Decoder
from features.entity_parts import part_numbers
from features.errors import LakeCorruptError, RequestError, UnavailableError
from features.lake import LakeBatch
from features.nouns import Knowledge, engine_of
from features.plan import Plan, SourcePlan, ViewPlan
from features.settings import DaskSettings
from features.view_events import read_events
from tests.features import test_view_events as two_topics
from tests.features.test_backfill import KEYS, LOG, SOURCE, Sent, cells, observations, sent_events, view_on


def records(sent: Sequence[Sent]) -> list[bytes]:
    return [
        msgspec.json.encode({**msgspec.structs.asdict(event), "at": f"1970-01-01T00:00:00.{event.at_us:06}Z"})
        for event in sent
    ]


@pytest.mark.parametrize("kind", KEYS)
@given(
    sent=st.lists(sent_events, max_size=40),
    observed=observations,
    spread=st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 8)),
    knowledge=st.sampled_from(["as_true", "as_known"]),
)
@settings(max_examples=8)
def test_parts_of_a_history_give_the_bits_of_the_whole(
    kind: str,
    sent: list[Sent],
    observed: list[tuple[str, int, int]],
    spread: tuple[int, int, int],
    knowledge: Knowledge,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever the sizes of pieces, parts and ranges, for every aggregate, as true and as known."""
    site = LakeSite(str(tmp_path_factory.mktemp("lake")))
    lake = site.open()
    for begin in range(0, len(sent), 7):
        values = records(sent[begin : begin + 7])
        kafka_us = [(at * 37) % 450 for at in range(begin, begin + len(values))]
        decoded = Decoder(msgspec.structs.replace(SOURCE, max_ahead_us=10**9)).decode(values, kafka_us)
        offsets = range(begin, begin + len(values))
        lake.append(source_of(), LOG, begin % 2, LakeBatch(offsets.stop, offsets, kafka_us, values, decoded))
    view, (piece_rows, part_rows, range_rows) = view_on(KEYS[kind]), spread
    n = len(observed)
    columns = {
        "device": np.array([device for device, _, _ in observed], object),
        "port": np.array([port for _, port, _ in observed], np.int64),
    }
    keys = {name: columns[name] for name in KEYS[kind]}
    at_us = np.array([at for _, _, at in observed], np.int64)
    bounds = np.append(np.arange(0, n, range_rows), n)
    asked = Asked(np.arange(n), keys, at_us)
    pieces = {SOURCE.topic: lake.pieces(SOURCE.topic, piece_rows)}
    ranges = fold_on_cluster(
        site,
        plan_of(view, source_of()),
        pieces,
        [view],
        asked,
        Spread(bounds, part_rows),
        knowledge,
    )
    whole = backfill(view, source_of(), lake.read(source_of()), keys, at_us, knowledge)
    for number, folded in enumerate(dask.compute(*ranges, scheduler="sync") if ranges else ()):
        begin, end = int(bounds[number]), int(bounds[number + 1])
        part = join_folded([view], folded, begin, end)[view.name]
        assert cells(part) == cells(whole.take(slice(begin, end)))
        assert part.newest_us.tolist() == whole.newest_us[begin:end].tolist()


@given(
    sent=two_topics.events_sent,
    at_us=st.lists(st.integers(0, 450), min_size=1, max_size=5),
    knowledge=st.sampled_from(["as_true", "as_known"]),
)
@settings(max_examples=10)
def test_a_view_of_two_topics_is_spread_as_one(
    sent: list[two_topics.Sent], at_us: list[int], knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Pieces of both topics, whose columns differ, in the order in which they are joined."""
    site, view = LakeSite(str(tmp_path_factory.mktemp("lake"))), two_topics.BOTH
    plan, lake = two_topics.plan_of(view, two_topics.ONE, two_topics.OTHER), site.open()
    two_topics.fill(lake, sent, plan.sources)
    asked = Asked(
        np.arange(2 * len(at_us)),
        {"device": np.array(["a", "b"] * len(at_us), object)},
        np.repeat(np.array(at_us), 2),
    )
    whole = backfill(view, plan.source_of(view), read_events(lake, plan, view), asked.keys, asked.at_us, knowledge)
    pieces = {topic: lake.pieces(topic, 5) for topic in view.topics}
    spread = Spread(np.array([0, len(asked.numbers)]), part_rows=6)
    (folded,) = dask.compute(
        *fold_on_cluster(site, plan, pieces, [view], asked, spread, knowledge),
        scheduler="sync",
    )
    part = join_folded([view], folded, 0, len(asked.numbers))[view.name]
    assert cells(part) == cells(whole)
    assert part.newest_us.tolist() == whole.newest_us.tolist()


def plan_of(view: ViewPlan, source: SourcePlan) -> Plan:
    return Plan(project="p", sources=(source,), views=(view,), request_features=(), services=(), transforms_sha256="")


def source_of() -> Any:
    """The source of the laws, whose records may be ahead of their Kafka timestamps."""
    return msgspec.structs.replace(SOURCE, max_ahead_us=10**9)


@given(st.lists(st.sampled_from(["a", "ü", "", None]), max_size=30), st.integers(1, 9))
def test_rows_of_one_entity_are_in_one_part(keys: list[str | None], n: int) -> None:
    """However the rows are chunked; rows without a key are in none."""
    whole = part_numbers([pa.chunked_array([pa.array(keys, pa.string())])], n)
    chunked = part_numbers([pa.chunked_array([pa.array([key], pa.string()) for key in keys], pa.string())], n)
    assert whole.tolist() == chunked.tolist()
    by_key = {key: {part for k, part in zip(keys, whole.tolist(), strict=True) if k == key} for key in keys}
    assert all(len(parts) == 1 for parts in by_key.values())
    assert all((part == -1) is (key is None) for key, (part,) in by_key.items())


def test_parts_are_the_same_in_every_process() -> None:
    """The numbers are written down here: another process, or another release, must not spread entities otherwise."""
    texts = pa.chunked_array([["a", "b", "c", "d"]])
    numbers = pa.chunked_array([[1, 2, 3, 4]])
    assert part_numbers([texts], 1000).tolist() == [122, 440, 242, 25]
    assert part_numbers([texts, numbers], 1000).tolist() == [903, 146, 209, 511]
    assert part_numbers([numbers.cast(pa.int32())], 7).tolist() == part_numbers([numbers], 7).tolist()


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    """With its address, as a neighbour that is down."""
    with (
        pytest.raises(UnavailableError, match="no scheduler answers at tcp:"),
        open_cluster(DaskSettings(address="tcp://127.0.0.1:9", timeout_s=0.5)),
    ):
        pass


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's scheduler is not among the packages that everybody installs."""
    monkeypatch.setitem(sys.modules, "distributed", None)  # importing it then fails as where it is not installed
    with pytest.raises(RequestError, match=r"pip install 'millstream\[dask\]'"), open_cluster(DaskSettings()):
        pass


def test_an_engine_that_there_is_not_is_named() -> None:
    """With those that there are."""
    assert engine_of("dask") == "dask"
    with pytest.raises(RequestError, match="no engine 'spark'; say local or dask"):
        engine_of("spark")


def test_an_entity_without_a_lake_is_unknown(tmp_path: Any) -> None:
    """No piece, no part, but every observation has its row."""
    view = view_on(("device",))
    asked = Asked(np.arange(2), {"device": np.array(["a", "b"], object)}, np.array([5, 6]))
    site, spread = LakeSite(str(tmp_path / "none")), Spread(np.array([0, 2]))
    (folded,) = dask.compute(
        *fold_on_cluster(site, plan_of(view, SOURCE), {view.topic: []}, [view], asked, spread),
        scheduler="sync",
    )
    assert join_folded([view], folded, 0, 2)[view.name].newest_us.tolist() == [-1, -1]


def test_errors_keep_their_facts_from_process_to_process() -> None:
    """A worker's error is the caller's: its family decides the exit code."""
    error = pickle.loads(pickle.dumps(LakeCorruptError("lake/0.parquet", "is cut short")))
    assert isinstance(error, LakeCorruptError)
    assert (str(error), error.artefact) == ("lake/0.parquet: is cut short", "lake/0.parquet")
