"""What the processes of the scorer say of themselves: they share a port, and each swaps models in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from deploy.metrics_page import MetricsPage, read_metrics
from features.errors import NotServingError
from features.settings import ScorerSettings
from grpc_api.processes import METRICS_PORT_STEP

POLL_S: Final = 0.1


def read_scorer(scorer: ScorerSettings) -> list[MetricsPage | None]:
    """The page of each process; None of one that does not answer."""
    return [read_metrics(port) for port in metrics_ports(scorer)]


def metrics_ports(scorer: ScorerSettings) -> list[int]:
    """Where the page of each process is."""
    return [scorer.metrics_port + METRICS_PORT_STEP * index for index in range(scorer.processes)]


def wait_for_each(
    scorer: ScorerSettings, is_there: Callable[[MetricsPage], bool], problem: str, deadline_s: float
) -> None:
    """Return once all processes are there; NotServingError, with those that are not, when they are not in time."""
    end_s = time.monotonic() + deadline_s
    while late := [index for index, page in enumerate(read_scorer(scorer)) if page is None or not is_there(page)]:
        if time.monotonic() > end_s:
            raise NotServingError(named(scorer, late), f"{problem} ({deadline_s:.0f} s)")
        time.sleep(POLL_S)


def named(scorer: ScorerSettings, indexes: list[int]) -> str:
    """Some of the processes, as people are told of them; the only one is the scorer itself."""
    if scorer.processes == 1:
        return "scorer"
    ports = metrics_ports(scorer)
    each = ", ".join(f"{index} (metrics port {ports[index]})" for index in indexes)
    return f"scorer process {each} of {scorer.processes}"
