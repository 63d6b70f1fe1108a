"""A worker of a given plan as a process of its own: started, killed, frozen, asked over HTTP, by tests and benches."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from deploy.server_process import Server
from features.plan import Plan, save_plan
from features.settings import PREFIX, KafkaSettings, LakeSettings, Part, Settings, StoreSettings, WorkerSettings

PROGRAM = """
import sys
from pathlib import Path
from deploy.logs import configure_logs
from features.plan import load_plan
from features.settings import Settings
from streams.run import run_worker

configure_logs(Settings().log)
run_worker(Settings(), load_plan(Path(sys.argv[1])))
"""


class WorkerProcess(Server):
    """``run_worker`` in a process group of its own."""

    name = "worker"
    ready_deadline_s = 60.0

    def __init__(
        self, folder: Path, plan: Plan, *, lake: str, kafka: KafkaSettings, store: StoreSettings, **worker: Any
    ) -> None:
        super().__init__(folder)
        self.plan = plan
        self.settings = Settings(
            var=folder / "var",
            kafka=kafka,
            store=store,
            lake=LakeSettings(url=lake),
            worker=WorkerSettings(metrics_port=self.port, web_port=0, **worker),
        )

    def command(self) -> list[str]:
        """See `Server.command`."""
        return [sys.executable, "-c", PROGRAM, str(self.folder / "plan.json")]

    def prepare(self) -> None:
        """The plan, as `apply` would leave it."""
        save_plan(self.plan, self.folder / "plan.json")

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return environment(self.settings)

    def is_ready(self) -> bool:
        """Every partition that it was assigned is read."""
        return self.get("/readyz") is not None

    def get(self, path: str) -> Any:
        """The JSON of a page; None when it does not answer 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return json.loads(answer.read())
        except (OSError, urllib.error.HTTPError):
            return None

    def problems(self) -> str:
        """Why it is not ready; empty when it is."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                return ""
        except urllib.error.HTTPError as error:
            return "; ".join(json.loads(error.read())["problems"])
        except OSError as error:
            return f"no answer: {error}"

    def metric(self, name: str) -> float:
        """Sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
        full = f"millstream_worker_{name}"
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == full)

    @property
    def exit_code(self) -> int | None:
        """Code that the process ended with; None while it runs."""
        return None if self._process is None else self._process.poll()

    def applied(self, topic: str) -> int:
        """How many records of a topic are applied, over its partitions."""
        page = self.get("/positions") or {"partitions": []}
        return sum(lane["applied"] or 0 for lane in page["partitions"] if lane["topic"] == topic)

    def committed(self, topic: str) -> int:
        """How many records of a topic a restart would not read again."""
        page = self.get("/positions") or {"partitions": []}
        return sum(lane["committed"] or 0 for lane in page["partitions"] if lane["topic"] == topic)


def environment(settings: Settings) -> dict[str, str]:
    """The settings as a process gets them."""
    found = {
        name: value for part, values in settings if isinstance(values, Part) for name, value in _variables(part, values)
    }
    found["MILLSTREAM_VAR"] = str(settings.var)
    found["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return found


def _variables(name: str, value: object) -> Iterator[tuple[str, str]]:
    """The variables of one setting, or of a part of them; secrets as they are."""
    if isinstance(value, Part):
        for inner, one in value:
            yield from _variables(f"{name}__{inner}", one)
    elif value is not None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        yield f"{PREFIX}{name}".upper(), text
