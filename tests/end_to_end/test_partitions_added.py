"""Partitions are added to live topics of Apache Kafka while events come and scores are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.production_servers import KafkaServer
from features.nouns import SCORES_TOPIC
from tests.end_to_end.rolling_world import RollingWorld, failures, plan_of, rolling_world
from tests.end_to_end.test_roll_out import proven, states_are_the_fold_of_the_lake
from tests.grpc_api.shop import SALES, SPEND
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(400)]

PLAN = plan_of(SPEND)


def read_of(world: RollingWorld, topic: str) -> set[int]:
    """Partitions of a topic that the lake holds records of."""
    return {partition for partitions in world.lake.logs(topic).values() for partition in partitions}


def all_applied(world: RollingWorld) -> bool:
    """Whether a restart would read none of the sales again."""
    sent = world.selling.n_done + world.probing.n_done
    return world.workers[PLAN.hash].committed(SALES.topic) == sent == len(world.lake.read(SALES))


def test_partitions_are_added_under_load(tmp_path: Path) -> None:
    """A running worker reads them from their beginning, and one that starts later; buyers change partitions in order.

    Nothing is lost, nothing counted twice: every record proves right, also those whose records' own topic grew.
    """
    with rolling_world(tmp_path, PLAN, KafkaServer) as world:
        proven(world, 20)
        world.add_partitions(SALES.topic, 3)
        world.add_partitions(SCORES_TOPIC, 3)
        wait_until(lambda: read_of(world, SALES.topic) == {0, 1, 2}, 60.0, "the new partition of sales to be read")
        wait_until(lambda: read_of(world, SCORES_TOPIC) == {0, 1, 2}, 60.0, "the new partition of scores to be read")
        checked = proven(world, 20)

        world.probing.stop()  # it waits for what it sells to show, and nothing shows without a worker
        world.workers[PLAN.hash].stop()
        world.add_partitions(SALES.topic, 5)
        world.start_worker(PLAN)
        wait_until(lambda: read_of(world, SALES.topic) == {*range(5)}, 60.0, "partitions added meanwhile to be read")
        proven(world, checked)

        for caller in world.load:
            caller.stop()
        assert failures(world.load) == []
        wait_until(lambda: all_applied(world), 60.0, "every sale to be applied, once")
        wait_until(lambda: world.verify().waiting == 0, 60.0, "the lake to cover every record")
        assert world.verify().proven
        states_are_the_fold_of_the_lake(world, PLAN, SPEND)
