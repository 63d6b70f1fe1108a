"""The tiles that the Python peers share give the results of our kernel: what is compared does the same work."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from deploy.bench_stream_traffic import SOURCE, VIEW
from deploy.bench_stream_traffic import WINDOWS_US as BENCH_WINDOWS_US
from deploy.peers.peer import DONE_KEY
from deploy.peers.tiles import DONE_KEY as TILES_DONE_KEY
from deploy.peers.tiles import FIELDS, PAST_AMOUNT, WINDOWS_US, Tiles, open_store, to_us
from deploy.servers import ValkeyServer
from features.kernel import ViewKernel

BEGIN_US = 1_790_000_000_000_000
LOG = ("AAAAAAAAQACAAAAAAAAAAQ", 0)
STEPS_US = st.integers(-4_000_000_000, 90_000_000_000) | st.integers(-2, 2) | st.just(700_000_000_000)
EVENTS = st.lists(st.tuples(STEPS_US, st.integers(1, 20_000)), min_size=1, max_size=30)


def test_it_knows_the_bench_without_importing_it() -> None:
    """Windows, fields and the counter's name are the bench's own."""
    assert WINDOWS_US == BENCH_WINDOWS_US
    assert VIEW.feature_names == FIELDS
    assert TILES_DONE_KEY == DONE_KEY


@given(first=st.integers(0, 21_600_000_000) | st.just(299_999_999), events=EVENTS)
def test_results_are_those_of_the_kernel(first: int, events: list[tuple[int, int]]) -> None:
    """With events in order and late, in the same tile and past all windows, at the edge of a tile and off it."""
    tiles, at_us, taken = Tiles(), BEGIN_US // 21_600_000_000 * 21_600_000_000 + first, []
    for step_us, cents in events:
        at_us += step_us if taken else 0
        taken.append((at_us, cents))
        tiles.add("a", at_us, cents / 100)
    assert tiles.results("a") == pytest.approx(expected(taken))


def expected(taken: list[tuple[int, int]]) -> list[float]:
    """Each window by the kernel, after one event in every tile before the first event's own."""
    results: list[float] = []
    for length_us, hop_us in WINDOWS_US.values():
        features = tuple(feature for feature in VIEW.features if feature.window_us == length_us)
        view = structs.replace(VIEW, features=features)
        kernel = ViewKernel(view, SOURCE)
        state, own = kernel.new_state(), taken[0][0] // hop_us
        past = [(index * hop_us, round(PAST_AMOUNT * 100)) for index in range(own - length_us // hop_us, own)]
        for offset, (at_us, cents) in enumerate(past + taken):
            kernel.apply(state, LOG, offset, at_us, ("", at_us, cents))
        newest_us = max(at_us for at_us, _ in taken)
        results += [float(value) for value in kernel.finish(state, newest_us + 1)]
    return results


def test_an_instant_is_exact_to_the_microsecond() -> None:
    """A double holds the seconds of this century to less than that."""
    assert to_us("2026-09-21T14:13:20.123457+00:00") == 1_790_000_000_123_457
    assert to_us("2026-09-21T14:13:20+00:00") == 1_790_000_000_000_000


@pytest.mark.servers
def test_what_changed_is_written_and_counted(valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash an account, the newest event time, and the events in the same pipeline; then nothing until the next."""
    monkeypatch.setenv("PEER_STORE", valkey.address)
    tiles = Tiles()
    with open_store() as store:
        tiles.add("a", BEGIN_US, 2.5)
        tiles.add("a", BEGIN_US + 1, 3.5)
        tiles.add("b", BEGIN_US, 4.0)
        tiles.write(store)
        found = {name.decode(): value for name, value in store.hgetall("peer:a").items()}
        assert found.pop("t") == str(BEGIN_US + 1).encode()
        assert [struct.unpack("<d", found[name])[0] for name in FIELDS] == tiles.results("a")
        assert store.get("peer:done") == b"3"
        store.delete("peer:a")
        tiles.write(store)
        assert not store.exists("peer:a")
        assert store.get("peer:done") == b"3"
