"""One run of the scorer and of everything it is held against, in turns, each on the same core."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import numpy as np
import uvloop

from deploy.bench_score import BenchProcess, request_of, start_echo, start_scorer
from deploy.bench_score_process import METHOD
from deploy.bench_score_setup import MODEL_NAME, PLAN, World, open_world
from deploy.missing_figures import MissingFigures
from deploy.score_bench.contestant import IN_FLIGHT, Contestant
from deploy.score_bench.ghz import Ghz
from deploy.score_bench.grpc_link import GrpcDoor
from deploy.score_bench.own_calls import OwnCalls
from deploy.score_bench.peer_process import ScorePeerProcess
from deploy.score_peers.peer import STORE, Question, ScorePeer
from deploy.server_process import LOOPBACK, Server, inherited
from deploy.stage_clock import latest_stages
from deploy.stream_bench.pinning import cores, on_core
from deploy.stream_bench.worker import import_path
from features.bundle import MODEL
from features.errors import MillstreamError, NotServingError
from grpc_api.pointer import models_dir

KEPT: Final = Path("var/peers")
"""What peers have installed, one folder each."""
OURS, ECHO, RAW, SDK = "Millstream", "bare grpc.aio echo", "raw ONNX Runtime", "Feast's SDK"
FAILURES: Final = (MillstreamError, OSError, TimeoutError, subprocess.SubprocessError, grpc.RpcError)
"""What says that a contestant does not do its part: its figures are missing, others are not."""
PROGRAM_S: Final = 60.0
HALF_LOAD: Final = "half load"


class Scale(NamedTuple):
    """How large a run is: contestants take turns in ``rounds``."""

    n_entities: int = 100_000
    rounds: int = 6
    warm_up_s: float = 1.0
    alone_s: float = 0.5
    together_s: float = 1.0
    paced_s: float = 5.0
    calls_s: float = 3.0
    program_s: float = 2.0
    profile_s: float = 4.0


class Comparison:
    """The figures of one run, gathered as they come."""

    def __init__(self, scale: Scale, note: Callable[[str], None]) -> None:
        self._scale = scale
        self._note = note
        self._load_core, self._core = cores()
        self.contestants: list[Contestant] = []
        self.raw_ort: dict[str, Any] | None = None
        self.feature_reads: dict[str, dict[str, Any]] = {}
        self.ghz: dict[str, dict[str, Any]] = {}
        self.own: dict[str, Any] = {}
        self.cpu_us: dict[str, dict[str, float]] = {}
        self.missing = MissingFigures(FAILURES, note)
        self.state_bytes = 0

    def run(self, folder: Path, peers: Mapping[str, ScorePeer]) -> None:
        """All of it. ``peers`` are named by the folder that each keeps what it installs in."""
        for name, peer in list(peers.items()):
            with self.missing.unless_had(peer.name, "installation"):
                (KEPT / name).mkdir(parents=True, exist_ok=True)
                peer.prepare(KEPT / name)
        missing = {each["name"] for each in self.missing.told}
        with ExitStack() as running, on_core(self._load_core):
            world = open_world(folder, running, self._scale.n_entities)
            self.state_bytes = world.state_bytes
            runner = running.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
            gc.collect()
            gc.freeze()  # a full collection of what the bench has loaded would stand in somebody's figures
            with ExitStack() as serving:
                with on_core(self._core):
                    ours = start_scorer(world, serving)
                self._take_turns(
                    world, runner, ours, {name: peer for name, peer in peers.items() if peer.name not in missing}
                )
                self._ask_ours(world, runner, ours)
            self._run_programs(world)
            with self.missing.unless_had(OURS, "profile"):
                self._profile(world, runner)

    def _take_turns(
        self, world: World, runner: asyncio.Runner, ours: BenchProcess, peers: Mapping[str, ScorePeer]
    ) -> None:
        users = np.random.default_rng(11).permutation(self._scale.n_entities).tolist()
        questions = [Question(user, world.vectors[user % len(world.vectors)].tolist()) for user in users]
        requests = [request_of(user) for user in users]
        with ExitStack() as running:
            with on_core(self._core):
                echo = start_echo(world.folder, running, ours)
            for name, server in ((OURS, ours), (ECHO, echo)):
                link = runner.run(GrpcDoor(METHOD).open(LOOPBACK, server.port))
                self.contestants.append(Contestant(name, link, requests))
            for name, peer in peers.items():
                with self.missing.unless_had(peer.name, "start"):
                    process = ScorePeerProcess(peer, KEPT / name, world)
                    with on_core(self._core):
                        running.enter_context(process)
                    link = runner.run(peer.door.open(LOOPBACK, process.port))
                    self.contestants.append(Contestant(peer.name, link, [peer.request(each) for each in questions]))
            runner.run(self._rounds())
            with self.missing.unless_had("ghz", "all"):
                ghz = Ghz(world.folder, users)
                for contestant, server in zip(self.contestants[:2], (ours, echo), strict=True):
                    self.ghz[contestant.name] = self._ask_by(ghz, contestant, server)
            for contestant in self.contestants:
                contestant.close()

    def _ask_by(self, ghz: Ghz, contestant: Contestant, server: Server) -> dict[str, Any]:
        """The same loads by another's generator."""
        paces = {"alone": contestant.alone, "together": contestant.together, "half_load": contestant.paced}
        return ghz.measure(
            server.address, self._scale.program_s, {name: each.per_second for name, each in paces.items()}
        )

    async def _rounds(self) -> None:
        scale = self._scale
        await self._each("warm-up", lambda each: each.warm_up(scale.warm_up_s))
        for _ in range(scale.rounds):
            await self._each("one call in flight", lambda each: each.ask_alone(scale.alone_s))
            await self._each(f"{IN_FLIGHT} calls in flight", lambda each: each.ask_together(scale.together_s))
        peak = {each.name: each.together.per_second for each in self.contestants}
        for each in self.contestants:
            self._note(f"{each.name}: {peak[each.name]:,.0f} calls/s")
        await self._each(HALF_LOAD, lambda each: each.ask_paced(min(peak[each.name], peak[ECHO]) / 2, scale.paced_s))

    async def _each(self, what: str, ask: Callable[[Contestant], Any]) -> None:
        """Everybody's turn; who fails has no other. Without our own and the echo there is no bench.

        Half load comes last: who cannot bear it keeps its other figures.
        """
        for contestant in list(self.contestants):
            try:
                await ask(contestant)
            except FAILURES as error:
                if contestant.name in {OURS, ECHO}:
                    raise
                self.missing.tell(contestant.name, what, error)
                if what != HALF_LOAD:
                    self.contestants.remove(contestant)
                    contestant.close()

    def _ask_ours(self, world: World, runner: asyncio.Runner, ours: BenchProcess) -> None:
        """What no peer has a call for."""
        calls = OwnCalls(ours.address, world, self._scale.n_entities, self._scale.calls_s)
        for name, measure in calls.all().items():
            with self.missing.unless_had(OURS, name):
                self.own[name] = runner.run(measure())
                self._note(f"{OURS}, {name}: {self.own[name]}")

    def _run_programs(self, world: World) -> None:
        """What is measured in a process of its own, without a server in between."""
        vectors, seconds = world.folder / "vectors.npy", str(self._scale.program_s)
        np.save(vectors, world.vectors)
        with self.missing.unless_had(RAW, "all"):
            model = models_dir(world.var / PLAN.project) / MODEL_NAME / "1" / MODEL
            self.raw_ort = self._run_program(world, "raw_ort", str(model), str(vectors), seconds)
        for name, module, folder in ((OURS, "own_reads", world.var), (SDK, "feast_reads", world.folder)):
            with self.missing.unless_had(name, "features read in process"):
                arguments = (str(folder), str(self._scale.n_entities), seconds)
                self.feature_reads[name] = self._run_program(world, module, *arguments)

    def _run_program(self, world: World, module: str, *arguments: str) -> dict[str, Any]:
        command = (sys.executable, "-m", f"deploy.score_bench.{module}", *arguments)
        own = {"PYTHONPATH": import_path(), "FEAST_USAGE": "False", STORE: world.store.address}
        environment = {**inherited(), **world.environment, **own}
        with on_core(self._core):
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=PROGRAM_S, check=False
            )
        if done.returncode:
            raise NotServingError(module, f"ended with code {done.returncode}: {done.stderr.strip()[-500:]}")
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))

    def _profile(self, world: World, runner: asyncio.Runner) -> None:
        """Microseconds of processor time by stage, of a call and of a batch's row, in a run that is watched."""
        path = world.folder / "stages.json"
        with ExitStack() as running:
            with on_core(self._core):
                watched = start_scorer(world, running, stages=path)
            link = runner.run(GrpcDoor(METHOD).open(LOOPBACK, watched.port))
            contestant = Contestant(OURS, link, [request_of(user) for user in range(self._scale.n_entities)])
            runner.run(contestant.warm_up(self._scale.warm_up_s))
            before = latest_stages(path)
            runner.run(contestant.ask_together(self._scale.profile_s))
            after = latest_stages(path)
            contestant.close()
            if not after:
                raise NotServingError("scorer", "told no stages: this system has no clock for the time of a thread")
            self.cpu_us["Score"] = us_per_piece(before, after, contestant.together.calls)
            calls = OwnCalls(watched.address, world, self._scale.n_entities, self._scale.profile_s)
            for name, measure in calls.batches().items():
                before, n_before = after, calls.n_rows
                runner.run(measure())
                after = latest_stages(path)
                self.cpu_us[name] = us_per_piece(before, after, calls.n_rows - n_before)


def us_per_piece(before: Mapping[str, float], after: Mapping[str, float], n: int) -> dict[str, float]:
    """Microseconds by stage, of seconds that have passed for so many pieces."""
    return {name: round((seconds - before.get(name, 0.0)) / n * 1e6, 1) for name, seconds in after.items()}
