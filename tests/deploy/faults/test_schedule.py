"""The schedule of faults."""

from __future__ import annotations

import re
from collections import Counter

from deploy.bench_faults import load_of
from deploy.faults.schedule import KINDS, schedule
from tests.end_to_end.millstream import ROOT


def test_every_kind_comes_before_one_comes_again() -> None:
    """So a run of as many faults as kinds holds every kind."""
    kinds = schedule(3, 3 * len(KINDS))
    for begin in range(0, len(kinds), len(KINDS)):
        assert sorted(kinds[begin : begin + len(KINDS)]) == sorted(KINDS)


def test_a_hundred_faults_hold_every_kind() -> None:
    """By whatever seed, and each several times."""
    for seed in range(200):
        counts = Counter(schedule(seed, 100))
        assert set(counts) == set(KINDS)
        assert min(counts.values()) >= 100 // len(KINDS)


def test_every_fault_that_a_site_has_to_stand_is_a_kind() -> None:
    """What is done to workers, broker, store, network, disk and records."""
    workers = {"worker_killed", "worker_joined", "worker_left", "worker_paused", "second_group"}
    broker = {"broker_restarted", "topic_recreated", "group_deleted"}
    store = {"store_forgets", "store_failed_over", "store_flushed", "store_full"}
    others = {"network_cut", "poison_burst", "disk_full"}
    assert workers | broker | store | others <= set(KINDS)


def test_a_seed_decides() -> None:
    """The same one brings back the same order, another one another."""
    assert schedule(3, 40) == schedule(3, 40) != schedule(4, 40)


def test_half_an_hour_holds_a_hundred_faults_and_ten_million_events() -> None:
    """Shorter runs in proportion, and none without a fault."""
    half_an_hour, moment = load_of(1, 30), load_of(1, 0.01)
    assert len(half_an_hour.kinds) >= 100
    assert set(half_an_hour.kinds) == set(KINDS)
    assert half_an_hour.n_events >= 10_000_000
    assert len(moment.kinds) == 1


def test_every_kind_is_documented() -> None:
    """The table of operations names them all, and no other."""
    text = (ROOT / "docs" / "operations.md").read_text().partition("## Fault runs")[2]
    first_column = re.findall(r"^\| (`\w+`.*?) \|", text.partition("| figure |")[0], re.MULTILINE)
    assert sorted(name for cell in first_column for name in re.findall(r"`(\w+)`", cell)) == sorted(KINDS)
