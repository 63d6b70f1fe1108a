"""The supervisor: one process that starts the servers and rooms of a domain, keeps them up, and ends them in order.

``millstream up`` starts it detached. It reports in ``stack.json`` and ends on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from types import FrameType

import psutil
import structlog

from deploy.child import Child
from deploy.exit_codes import ExitCode, StepFailedError, exit_code_of
from deploy.leftovers import end_leftovers
from deploy.neighbours import BROKER, choose_neighbours
from deploy.ports import Ports
from deploy.rooms import make_rooms, make_worker
from deploy.server_process import Server
from deploy.stack_file import ProcessInfo, StackFile, StackLock, remove_stack, write_stack
from deploy.worker_groups import WorkerGroups
from features.domain import project_name
from features.errors import MillstreamError, NotServingError, UnavailableError
from features.settings import PREFIX, Settings, load_settings

log = structlog.get_logger(__name__)

TICK_S = 0.1
PREPARE_DEADLINE_S = 300.0
DRAIN_STILL_S = 10.0
RENEW_AGAIN_S = 1.0
KNOWN_FAILURES = (MillstreamError, StepFailedError)


class StoppedError(Exception):
    """Somebody asked the supervisor to stop while it was starting."""


class Supervisor:
    """One domain's stack. ``stop`` is set from outside to end it."""

    def __init__(self, settings: Settings, *, project: str, n_workers: int, stop: threading.Event) -> None:
        self._repo = settings.repo.resolve()
        self._state_dir = settings.state_dir(project).resolve()
        self._project = project
        self._stop = stop
        ports = self._ports = Ports(os.environ)
        self._servers, overrides = choose_neighbours(settings, self._state_dir, ports, os.environ)

        def take(part: str, field: str) -> int:
            return ports.take(f"{PREFIX}{part}__{field}".upper(), getattr(getattr(settings, part), field))

        first = take("worker", "metrics_port"), take("worker", "web_port")
        worker_ports = chain([first], iter(lambda: (ports.take("", 0), ports.take("", 0)), None))
        log_dir = self._state_dir / "logs"
        self._workers = WorkerGroups(
            self._state_dir,
            n_workers=n_workers,
            make_worker=partial(make_worker, repo=self._repo, log_dir=log_dir),
            find_ports=lambda: next(worker_ports),
        )
        self._overrides = {
            **overrides,
            "worker": {"metrics_port": first[0], "web_port": first[1]},
            "scorer": {
                **{name: take("scorer", name) for name in ("port", "rest_port", "metrics_port")},
                "processes": settings.scorer.processes,  # who waits for them is to know how many there are
            },
            "monitor": {"metrics_port": take("monitor", "metrics_port")},
        }
        os.environ.update(as_environment(self._overrides))  # what was found is so for every process started here
        self._children: dict[str, Child] = {}
        self._topics_lost, self._renew_at_s = False, 0.0

    def run(self) -> ExitCode:
        """Start all, tend it until told to stop, and end it; how it went is left in ``stack.json`` if it went wrong."""
        ended = end_leftovers(self._state_dir)
        log.info("supervisor", project=self._project, pid=os.getpid(), leftovers_ended=ended)
        failure: Exception | None = None
        try:
            self._start_all()
            while not self._stop.wait(TICK_S):
                self._tend()
                self._follow_plans()
        except StoppedError:
            log.info("stopped_while_starting")
        except Exception as error:  # whatever it was: what was started is ended in order, and word is left
            log.error("stack_failed", problem=str(error), exc_info=not isinstance(error, KNOWN_FAILURES))
            failure = error
        lost = self._end_all()
        if failure is not None:
            return leave_word(self._state_dir, self._project, str(failure), exit_code_of(failure))
        if lost:
            return leave_word(self._state_dir, self._project, lost, ExitCode.FAILED)
        remove_stack(self._state_dir)
        return ExitCode.OK

    def _start_all(self) -> None:
        for server in self._servers:
            self._start(server)
        self._await(server for server in self._servers if server.name != "mlflow")
        self._topics_lost = False  # a broker that has ended until now gets its topics here
        self._prepare()
        settings = load_settings(project=self._project, repo=self._repo)
        rooms = make_rooms(settings, repo=self._repo, log_dir=self._state_dir / "logs")
        rooms = [*self._workers.follow().start, *rooms]
        for room in rooms:
            self._start(room)
        self._await([*self._servers, *rooms])
        self._publish("up")
        log.info("up")

    def _start(self, server: Server) -> None:
        child = self._children[server.name] = Child(server)
        child.start(time.monotonic())
        self._publish("starting")

    def _await(self, servers: Iterable[Server]) -> None:
        for server in servers:
            deadline_s = time.monotonic() + server.ready_deadline_s
            while not (server.is_running and server.is_ready()):  # another's server may answer on a port lost to it
                if time.monotonic() > deadline_s:
                    raise NotServingError(
                        server.name, f"not ready after {server.ready_deadline_s:.0f} s; {server.log_end()}"
                    )
                self._tend_or_stop()
            log.info("ready", process=server.name)

    def _tend_or_stop(self) -> None:
        if self._stop.wait(TICK_S):
            raise StoppedError
        self._restart_ended()

    def _tend(self) -> None:
        if self._restart_ended():
            self._publish("up")
        if self._topics_lost and time.monotonic() >= self._renew_at_s:
            self._renew_topics()

    def _restart_ended(self) -> bool:
        """Start again what has ended, each when it is due; whether anything was."""
        restarted = [name for name, child in self._children.items() if child.tend(time.monotonic())]
        if restarted:
            log.warning("restarted", processes=restarted)
        self._topics_lost |= BROKER in restarted
        return bool(restarted)

    def _follow_plans(self) -> None:
        """Start the workers of a plan that arrives, end those of one that goes."""
        try:
            change = self._workers.follow()
        except MillstreamError as error:
            log.error("plans_not_followed", problem=str(error))
            return
        for room in change.start:
            self._children[room.name] = Child(room)
            self._children[room.name].start(time.monotonic())
            log.info("started", process=room.name, plan=self._workers.plan_of[room.name])
        self._stop_all(change.stop)
        for name in change.stop:
            del self._children[name]
            log.info("ended", process=name)
        if change.start or change.stop:
            self._publish("up")

    def _renew_topics(self) -> None:
        """A broker that comes back has forgotten its topics: make them anew, and let the workers join anew.

        What keeps that from being done (a store that died with the broker, a roll-out) is waited for, and it is tried
        again.
        """
        self._topics_lost = False  # until the broker ends once more, perhaps during the steps below
        try:
            self._await([self._children[BROKER].server])
            self._prepare("--keep-plan")
        except KNOWN_FAILURES as error:
            log.error("topics_not_renewed", problem=str(error))
            self._topics_lost, self._renew_at_s = True, time.monotonic() + RENEW_AGAIN_S
            return
        for name in self._workers.plan_of:
            self._children[name].server.stop()

    def _prepare(self, *options: str) -> None:
        file = self._state_dir / "logs" / "prepare.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as output:
            step = subprocess.Popen(
                [sys.executable, "-m", "deploy.prepare", "--repo", str(self._repo), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline_s = time.monotonic() + PREPARE_DEADLINE_S
        try:
            while step.poll() is None:
                if time.monotonic() > deadline_s:
                    raise UnavailableError("apply", f"not done after {PREPARE_DEADLINE_S:.0f} s; see {file}")
                self._tend_or_stop()
        finally:
            step.kill()
            step.wait()
        if step.returncode != 0:
            said = file.read_text(errors="replace").strip().rpartition("\n")[2]
            raise StepFailedError(said.removeprefix("millstream: ") or f"see {file}", step.returncode)

    def _end_all(self) -> str:
        """Stop in the order in which nothing is lost; what was lost all the same."""
        self._publish("stopping")
        names = list(self._children)
        workers = [name for name in names if name in self._workers.plan_of]
        servers = [server.name for server in self._servers]
        self._stop_all(name for name in names if name not in workers and name not in servers)
        lost = self._drain() if workers and BROKER in servers else ""
        self._stop_all(workers)
        self._stop_all(name for name in servers if name in self._children)
        log.info("down", lost=lost)
        return lost

    def _drain(self) -> str:
        from deploy.caught_up import CaughtUp
        from deploy.prepare import fed_topics

        try:
            waiting = CaughtUp(
                bootstrap_servers=self._children[BROKER].server.address,
                worker_ports=self._workers.metrics_ports,
            )
            waiting.wait(waiting.ends(fed_topics(self._state_dir)), deadline_s=DRAIN_STILL_S)
        except MillstreamError as error:
            return f"the broker was stopped before all of its records were applied: {error}"
        return ""

    def _stop_all(self, names: Iterable[str]) -> None:
        threads = [threading.Thread(target=self._children[name].server.stop, name=name) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _publish(self, state: str) -> None:
        processes = {
            name: ProcessInfo(
                pid=child.server.pid,
                created_at=created_at(child.server.pid),
                address=child.server.address if child.server.listens else None,
                restarts=child.restarts,
                log=str(child.server.log_file),
                plan=self._workers.plan_of.get(name),
            )
            for name, child in self._children.items()
        }
        stack = StackFile(
            project=self._project,
            pid=os.getpid(),
            state=state,  # type: ignore[arg-type]  # one of the four
            settings=self._overrides,
            processes=processes,
        )
        try:
            write_stack(self._state_dir, stack)
        except OSError as error:  # a full disk: no reason to let go of what runs
            log.error("stack_file_not_written", problem=str(error))


def as_environment(overrides: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Settings as the variables that set them."""
    return {
        f"{PREFIX}{part}__{field}".upper(): str(value)
        for part, fields in overrides.items()
        for field, value in fields.items()
    }


def leave_word(state_dir: Path, project: str, message: str, code: ExitCode) -> ExitCode:
    """Tell whoever asked for the stack why there is none."""
    write_stack(state_dir, StackFile(project=project, pid=os.getpid(), state="failed", message=message, code=int(code)))
    return code


def created_at(pid: int) -> float:
    """When a process began; 0 when it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Supervise one domain until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m deploy.supervise", description=__doc__)
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    stop = threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, request_stop)
    project = project_name(options.repo)
    settings = load_settings(repo=options.repo)
    state_dir = settings.state_dir(project)
    with StackLock(state_dir):
        try:
            supervisor = Supervisor(settings, project=project, n_workers=options.workers, stop=stop)
        except MillstreamError as error:
            return leave_word(state_dir, project, str(error), exit_code_of(error))
        return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
