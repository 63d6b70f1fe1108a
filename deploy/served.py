"""Waiting until the running scorer serves a version."""

from __future__ import annotations

import time

from deploy.metrics_page import read_metrics
from features.errors import NotServingError
from features.routing import CHAMPION, Arm
from features.settings import ScorerSettings

DEADLINE_S = 60.0
POLL_S = 0.1


def wait_until_served(
    scorer: ScorerSettings, model: str, version: str, arm: Arm = CHAMPION, deadline_s: float = DEADLINE_S
) -> None:
    """Return once the scorer has this version as an arm; NotServingError when it has not in time."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        page = read_metrics(scorer.metrics_port)
        if (
            page is not None
            and page.value("millstream_scorer_model_info", model=model, arm=arm, version=version)
            and page.value("millstream_scorer_model_ready", model=model)
        ):
            return
        time.sleep(POLL_S)
    raise NotServingError("scorer", f"{model} version {version} does not serve; see the logs of model-sync and scorer")
