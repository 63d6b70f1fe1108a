"""The scorer of a fault run, with a small model that was made up for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from deploy.faults.payments import PLAN, RISK
from deploy.made_up_model import publish_made_up_model
from deploy.server_process import Server, answers_tcp
from deploy.worker_process import environment
from features.plan_shelf import put_on_shelf
from features.settings import KafkaSettings, ScorerSettings, Settings, StoreSettings

TREES: Final = 5
N_ROWS: Final = 300


class ScorerProcess(Server):
    """``millstream scorer`` for the first plan of a run. ``state_dir`` holds what `features.verify` wants of it too."""

    name = "scorer"

    def __init__(self, folder: Path, *, bootstrap_servers: str, store: StoreSettings) -> None:
        super().__init__(folder)
        self._settings = Settings(
            var=folder / "var",
            kafka=KafkaSettings(bootstrap_servers=bootstrap_servers),
            store=store,
            scorer=ScorerSettings(port=self.port, rest=False, metrics_port=0),
        )

    @property
    def state_dir(self) -> Path:
        """Plan and bundle."""
        return self._settings.state_dir(PLAN.project)

    def prepare(self) -> None:
        """See `Server.prepare`."""
        if self.state_dir.exists():
            return
        put_on_shelf(PLAN, b"", self.state_dir)
        generator = np.random.default_rng(7)
        rows = generator.normal(size=(N_ROWS, len(RISK.features)))
        publish_made_up_model(self.state_dir, PLAN, RISK.name, rows, generator, trees=TREES)

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (sys.executable, "-m", "deploy.bench_score_process", "scorer", str(self._settings.var), PLAN.project)

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return environment(self._settings)

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        return answers_tcp(self.port)
