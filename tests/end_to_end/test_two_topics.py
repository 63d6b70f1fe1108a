"""A topic is added to a view while events come and scores are asked for; from then on two topics feed it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from features.plan import ColumnPlan, SourcePlan
from tests.end_to_end.rolling_world import N_BUYERS, Caller, failures, plan_of, rolling_world
from tests.end_to_end.test_roll_out import proven, replace, states_are_the_fold_of_the_lake
from tests.grpc_api.shop import HOUR_US, SALES, SPEND
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(400)]

WEB = SourcePlan(
    topic="web_sales",
    timestamp_column="at",
    max_ahead_us=2 * HOUR_US,
    columns=(
        ColumnPlan(name="price", type="float64", nullable=False, decimals=2),
        ColumnPlan(name="page", type="string", nullable=True),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="buyer", type="string", nullable=False),
    ),
)
WIDE = msgspec.structs.replace(SPEND, name="wide", hash="cccccccccccccccc")
BOTH = msgspec.structs.replace(WIDE, hash="dddddddddddddddd", further_topics=(WEB.topic,))
ONE_TOPIC, TWO_TOPICS = plan_of(SPEND, WIDE), plan_of(SPEND, BOTH, sources=(SALES, WEB))


def test_a_topic_is_added_to_a_view_under_load(tmp_path: Path) -> None:
    """The roll-out creates and adopts it; no score fails; every record proves right before, meanwhile and after."""
    with rolling_world(tmp_path, ONE_TOPIC) as world:
        checked = proven(world, 20)
        replace(world, TWO_TOPICS, ONE_TOPIC, made=["wide"])
        checked = proven(world, checked)

        web = Caller(lambda i: world.sell(f"b{i % N_BUYERS}", i % 89, WEB.topic), 0.01)
        world.running.callback(web.stop)
        web.start()

        def counted_apart() -> bool:
            features = world.features_of("b1")
            return features["wide:n_day"] > features["spend:n_day"]

        wait_until(counted_apart, 60.0, "the web's sales to count")
        checked = proven(world, checked + 50)
        for caller in (*world.load, web):
            caller.stop()
        assert failures([*world.load, web]) == []
        wait_until(lambda: world.verify().waiting == 0, 60.0, "the lake to cover every record")
        assert world.verify().proven
        sent = {SALES.topic: world.selling.n_done + world.probing.n_done, WEB.topic: web.n_done}
        worker = world.workers[TWO_TOPICS.hash]
        for topic, n in sent.items():
            wait_until(lambda topic=topic, n=n: worker.committed(topic) == n, 60.0, f"all of {topic} applied")  # type: ignore[misc]  # bound now
        for view in TWO_TOPICS.views:
            states_are_the_fold_of_the_lake(world, TWO_TOPICS, view)
