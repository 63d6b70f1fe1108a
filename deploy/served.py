"""Waiting until the running scorer serves a version, in every process that it has."""

from __future__ import annotations

from deploy.metrics_page import MetricsPage
from deploy.scorer_processes import wait_for_each
from features.routing import CHAMPION, Arm
from features.settings import ScorerSettings

DEADLINE_S = 60.0


def wait_until_served(
    scorer: ScorerSettings, model: str, version: str, arm: Arm = CHAMPION, deadline_s: float = DEADLINE_S
) -> None:
    """Return once the scorer has this version as an arm; NotServingError when it has not in time."""

    def serves(page: MetricsPage) -> bool:
        info = page.value("millstream_scorer_model_info", model=model, arm=arm, version=version)
        return bool(info and page.value("millstream_scorer_model_ready", model=model))

    problem = f"{model} version {version} does not serve; see the logs of model-sync and scorer"
    wait_for_each(scorer, serves, problem, deadline_s)
