"""Who waits for the scorer waits for each of its processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from deploy.bench_score import start_scorer
from deploy.bench_score_setup import MODEL_NAME, PLAN, World, open_world
from deploy.made_up_model import FIRST_VERSION, make_made_up_model
from deploy.port_claims import port_claims
from deploy.running_stack import RunningStack
from deploy.scorer_processes import metrics_ports, named
from deploy.served import wait_until_served
from deploy.server_process import free_port, port_is_free
from deploy.status import differing, served_models
from features.errors import NotServingError
from features.plan_shelf import InForce, put_in_force, put_on_shelf
from features.settings import ScorerSettings, Settings
from grpc_api.pointer import models_dir, pointer_file, write_pointer
from grpc_api.processes import METRICS_PORT_STEP

SOON_S = 0.5
DEADLINE_S = 60.0


class Pair:
    """A scorer of two processes, and how those who wait for it know it."""

    def __init__(self, world: World, running: ExitStack) -> None:
        self.state_dir = world.var / PLAN.project
        self.scorer = ScorerSettings(metrics_port=free_pair(), processes=2)
        self.settings = Settings(var=world.var, scorer=self.scorer)
        environment = {
            **world.environment,
            "MILLSTREAM_SCORER__METRICS_PORT": str(self.scorer.metrics_port),
            "MILLSTREAM_SCORER__PROCESSES": str(self.scorer.processes),
        }
        self._parent = start_scorer(world._replace(environment=environment), running)

    @contextmanager
    def second_stopped(self) -> Iterator[None]:
        """The second process stands still, as one that is busy or swaps in vain."""
        port = metrics_ports(self.scorer)[1]
        (second,) = [
            child
            for child in psutil.Process(self._parent.pid).children()
            if any(listening.laddr.port == port for listening in child.net_connections("tcp"))
        ]
        second.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            second.send_signal(signal.SIGCONT)


def free_pair() -> int:
    """A port that is free, as is the one for the second process."""
    while True:
        port = free_port()
        second = port + METRICS_PORT_STEP
        if port_claims().claim(second) and port_is_free(second):
            return port


@pytest.mark.servers
def test_a_version_serves_once_each_process_serves_it(tmp_path: Path) -> None:
    """One that does not is named; a plan that takes another's place is waited for in the same way."""
    with ExitStack() as running:
        world = open_world(tmp_path, running, 20, trees=1)
        pair = Pair(world, running)
        wait_until_served(pair.scorer, MODEL_NAME, FIRST_VERSION, deadline_s=DEADLINE_S)
        models = models_dir(pair.state_dir)
        second = f"scorer process 1 .metrics port {metrics_ports(pair.scorer)[1]}. of 2"
        with pair.second_stopped():
            generator = np.random.default_rng(1)
            pointer = make_made_up_model(models, PLAN, MODEL_NAME, world.vectors, generator, version="2", trees=1)
            write_pointer(pointer_file(models, MODEL_NAME), pointer)
            wait_until_served(pair.scorer.model_copy(update={"processes": 1}), MODEL_NAME, "2", deadline_s=DEADLINE_S)
            with pytest.raises(NotServingError, match=f"{second}: bench version 2 does not serve"):
                wait_until_served(pair.scorer, MODEL_NAME, "2", deadline_s=SOON_S)
            assert served_models(pair.settings) == [{MODEL_NAME: "2"}, {}]
        wait_until_served(pair.scorer, MODEL_NAME, "2", deadline_s=DEADLINE_S)
        assert served_models(pair.settings) == [{MODEL_NAME: "2"}] * 2

        also = msgspec.structs.replace(PLAN.services[0], name="also")
        after = msgspec.structs.replace(PLAN, services=(*PLAN.services, also))
        put_on_shelf(after, b"", pair.state_dir)
        put_in_force(pair.state_dir, InForce(serving=after.hash))
        RunningStack(pair.settings, pair.state_dir).wait_for_scorer(after.hash)


def test_processes_that_serve_something_else_are_a_problem() -> None:
    """Said of each, against the first; the only process of a scorer is the scorer."""
    pair = ScorerSettings(metrics_port=9_102, processes=2)
    assert differing(pair, [{"churn": "2"}, {"churn": "2"}]) == []
    assert differing(pair, [{"churn": "2"}, {}]) == [
        "scorer process 1 (metrics port 9202) of 2 serves nothing, process 0 churn version 2; see its log"
    ]
    assert named(ScorerSettings(), [0]) == "scorer"
