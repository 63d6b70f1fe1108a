"""What is served, as the server tells it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from features.vector import MissingPolicy
from millstream import CallRefusedError
from tests.grpc_api.shop import SPEND, open_shop, publish
from tests.grpc_api.test_scorer import NOON
from tests.grpc_api.test_tasks import FEATURES, MOODS, WEIGHTS
from tests.waiting import wait_until


def test_every_model_tells_all_that_a_caller_needs(tmp_path: Path) -> None:
    """Its inputs with what stands in for each, keys, fields, classes or thresholds; by name."""
    policy = MissingPolicy(default=0.25, features={"spend:n_day": "fail", "spend:sum_day": "nan"})
    publish(tmp_path, "3", model="moods", task="multiclass", head=MOODS, weights=WEIGHTS, explained=False)
    bundle = publish(tmp_path, "7", missing=policy)
    with open_shop(tmp_path) as (_, client):
        buys, moods = client.list_models()
        assert client.list_models("moods") == [moods]
        with pytest.raises(CallRefusedError, match="'sells' is not served"):
            client.list_models("sells")

    assert (buys.model, buys.version, buys.arm, buys.digest) == ("buys", "7", "champion", bundle.digest)
    assert (buys.task, buys.service, buys.view_hashes) == ("binary", "buyers", {"spend": SPEND.hash})
    assert [one.name for one in buys.inputs] == list(FEATURES)
    assert [one.missing for one in buys.inputs] == ["fail", "nan", 0.25, 0.25, 0.25]
    assert (buys.join_keys, buys.request_fields) == ({"buyer": "string"}, {"basket": "float64"})
    assert (buys.classes, buys.thresholds, buys.decisions) == ((), (0.9,), ("leaves", "buys"))
    assert buys.serving_since == NOON
    assert buys.explainable
    assert (moods.task, moods.classes, moods.thresholds, moods.explainable) == ("multiclass", MOODS.classes, (), False)


def test_a_version_serves_since_it_was_swapped_in(tmp_path: Path) -> None:
    """Not since it was made, or since the server began."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        shop.clock.at_us += 3_600_000_000
        publish(tmp_path, "2", bias=1.0)
        wait_until(lambda: client.list_models()[0].version == "2")
        assert client.list_models()[0].serving_since == NOON + timedelta(hours=1)


def test_nothing_served_is_an_empty_list(tmp_path: Path) -> None:
    """Not an error: it is the answer to the question."""
    with open_shop(tmp_path) as (_, client):
        assert client.list_models() == []
