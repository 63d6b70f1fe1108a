"""The worker under test, as a process of its own: ``python -m deploy.stream_bench.worker PLAN [STAGES]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.bench_stream_traffic import PLAN
from deploy.server_process import Server, answers_tcp
from features.plan import Plan, save_plan


class BenchWorker(Server):
    """It is ready once its pages answer, long before it reads.

    With ``stages``, a file, it says there where its processor time goes: see `deploy.stage_clock`.
    """

    name = "worker"

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *, plan: Plan = PLAN, stages: Path | None = None
    ) -> None:
        super().__init__(folder)
        self._environment = environment
        self._plan = plan
        self._stages = stages

    def prepare(self) -> None:
        """The plan, as `apply` would leave it."""
        save_plan(self._plan, self.folder / "plan.json")

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        stages = () if self._stages is None else (str(self._stages),)
        return (sys.executable, "-m", __name__, str(self.folder / "plan.json"), *stages)

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return {"MILLSTREAM_WORKER__METRICS_PORT": str(self.port), "PYTHONPATH": import_path(), **self._environment}

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        return answers_tcp(self.port)


def import_path() -> str:
    """Where a child finds our packages, also when they are not installed."""
    return os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])


def main(plan: Path, stages: Path | None) -> None:
    """Run a worker as ``millstream worker`` does."""
    from features.plan import load_plan
    from features.settings import Settings
    from streams.run import run_worker

    if stages is not None:
        from deploy.stage_clock import watch_stages
        from deploy.stream_bench.stages import WORKER

        watch_stages(stages, WORKER)
    run_worker(Settings(), load_plan(plan))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
