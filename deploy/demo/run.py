"""Runs the demo from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deploy.caught_up import CaughtUp
from deploy.demo.asking import Round, ask_in_batches, ask_one_by_one, count_entities, rows_at
from deploy.demo.calendar import slices
from deploy.demo.state import make_room, mark_as_demo
from deploy.demo.story import Facts, Story, holds, next_steps, to_summary, to_text, write_summary
from deploy.demo.truth import judge_rounds
from deploy.instants import to_us
from deploy.invocation import Invocation
from deploy.letters import read_letters
from deploy.logs import configure_logs
from deploy.own_client import open_client
from deploy.replay import PRODUCER, History, Replayer, load_history, recorded_topics
from deploy.rescoring import rescoring
from deploy.scorer_processes import read_scorer
from deploy.served import wait_until_served
from deploy.stack import start_stack, stop_stack, worker_ports
from features.domain import Domain, load_domain
from features.errors import DomainError
from features.judge import judge_of
from features.lake import open_site_lake
from features.model_file import MODEL_FILE
from features.nouns import SCORES_TOPIC
from features.plan import Plan
from features.plan_shelf import serving_plan
from features.progress import progress_bar
from features.score_records import read_records
from features.settings import Settings, load_settings
from features.tracing import open_tracer
from features.verify import verify
from monitoring.watch import run_monitor
from offline_training.report import TrainingReport
from offline_training.training import train

SUMMARY = Path("demo") / "summary.json"
STILL_S = 60.0
POLL_S = 0.1


class Laps:
    """How long each part took."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self.seconds = dict.fromkeys(("setup", "replay", "train", "serve"), 0.0)

    @contextmanager
    def lap(self, part: str) -> Iterator[None]:
        """Count what is done inside towards a part."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] += time.monotonic() - began_s

    def total(self) -> dict[str, float]:
        """All parts, and the whole."""
        return {**self.seconds, "total": time.monotonic() - self._began_s}


def run_demo(call: Invocation, *, keep_up: bool) -> Story:
    """Start the stack on an empty state folder, tell the story, and stop it again."""
    settings, project, laps = call.base_settings, call.project, Laps()
    require_policy(load_domain(call.repo))  # refuse what cannot be told to its end before anything is moved
    stop_stack(settings, project)
    state_dir = settings.state_dir(project)
    aside = make_room(state_dir, datetime.now(UTC))
    if aside is not None:
        call.note(f"the state of {project} was moved to {aside}")
    mark_as_demo(state_dir)
    configure_logs(settings.log, file=state_dir / "logs" / "demo.log")
    try:
        with laps.lap("setup"):
            call.note(f"starting the stack of {project}")
            start_stack(settings, project, note=call.note)
        return Demo(call, laps).run()
    finally:
        if not keep_up:
            call.note("stopping the stack")
            stop_stack(settings, project)


def require_policy(domain: Domain) -> None:
    """Refuse a demo in which somebody would have to approve the model: nobody is there to do it."""
    if domain.models[domain.demo.model].approval != "policy":
        where = f"{domain.repo / MODEL_FILE}: models.{domain.demo.model}.approval"
        raise DomainError(where, "is human, and a demo waits for nobody", "say policy, or train and approve by hand")


class Demo:
    """One run, on a stack that is up."""

    def __init__(self, call: Invocation, laps: Laps) -> None:
        self._call = call
        self._laps = laps
        self._domain: Domain = call.domain
        self._settings: Settings = load_settings(project=call.project, repo=call.repo)
        self._plan: Plan = serving_plan(call.state_dir)
        self._lake = open_site_lake(self._settings, call.project)
        ports = worker_ports(self._settings, call.project)
        self._caught_up = CaughtUp(bootstrap_servers=self._settings.kafka.bootstrap_servers, worker_ports=ports)

    def run(self) -> Story:
        """The whole story."""
        spec, plan, laps = self._domain.demo, self._plan, self._laps
        registry = self._settings.schema_registry
        histories = [load_history(self._domain, plan, topic, registry) for topic in recorded_topics(self._domain, plan)]
        if not histories:
            raise DomainError(str(self._domain.repo), "has no history", "the demo replays data/<topic>.parquet")
        with Replayer(
            self._settings.kafka.bootstrap_servers, open_tracer(self._settings.tracing, PRODUCER)
        ) as replayer:
            with laps.lap("replay"):
                rate = self._replay_bulk(replayer, histories, to_us(spec.train_at))
            with laps.lap("train"):
                training = self._train()
            rounds = self._replay_days(replayer, histories)
        with laps.lap("serve"):
            dropped = self._await_records(sum(len(asked.rows) - asked.errors for asked in rounds))
        return self._tell(training, rounds, rate, dropped)

    def _replay_bulk(self, replayer: Replayer, histories: list[History], until_us: int) -> float:
        total = sum(history.count(None, until_us) for history in histories)
        began_s = time.monotonic()
        with progress_bar(f"history to {self._domain.demo.train_at:%Y-%m-%d}", total) as advance:
            for history in histories:
                replayer.send(history, None, until_us)
            left = total

            def progress(behind: int) -> None:
                nonlocal left
                advance(left - min(left, behind))
                left = min(left, behind)

            self._await_applied(replayer, progress)
        return total / (time.monotonic() - began_s)

    def _replay_days(self, replayer: Replayer, histories: list[History]) -> list[Round]:
        spec = self._domain.demo
        last = max(history.last_at for history in histories)
        days = list(slices(spec.train_at, spec.score_at, last))
        last_asked = max(spec.score_at)
        rounds = []
        with progress_bar("then day by day", len(days)) as advance:
            for begin, end, ask in days:
                with self._laps.lap("replay"):
                    for history in histories:
                        replayer.send(history, to_us(begin), to_us(end))
                    if ask or end == days[-1][1]:  # who asks, asks about all that came before
                        self._await_applied(replayer)
                advance(1)
                if ask:
                    with self._laps.lap("serve"):
                        rounds.append(self._ask(end, single=end == last_asked))
        return rounds

    def _await_applied(self, replayer: Replayer, progress: Callable[[int], None] = lambda _: None) -> None:
        ends = self._caught_up.ends_of(replayer.delivered)
        self._caught_up.wait(ends, deadline_s=STILL_S, progress=progress)

    def _train(self) -> TrainingReport:
        self._call.note("training")
        name = self._domain.demo.model
        report = train(self._settings, self._plan, self._domain, model=name, quick=True, say=self._say)
        if report.promoted:
            wait_until_served(self._settings.scorer, report.model, report.version)
        return report

    def _say(self, text: str) -> None:
        self._call.note(f"  {text}")

    def _ask(self, as_of: datetime, *, single: bool) -> Round:
        rows = rows_at(self._lake, self._plan, self._domain, as_of)
        ask = ask_one_by_one if single else ask_in_batches
        how = "one by one" if single else "in batches"
        with (
            open_client(self._settings) as client,
            progress_bar(f"scoring {as_of:%Y-%m-%d} {how}", len(rows)) as advance,
        ):
            return ask(client, self._domain.demo.model, as_of, rows, advance)

    def _await_records(self, expected: int) -> int:
        """Wait until every score record is in the lake; how many never got to the broker."""
        deadline_s = time.monotonic() + STILL_S
        while True:
            ends = self._caught_up.ends([SCORES_TOPIC])
            lost = sum(
                int(page.value("millstream_scorer_records_total", outcome=outcome))
                for page in read_scorer(self._settings.scorer)
                if page is not None
                for outcome in ("dropped", "failed")
            )
            if sum(ends.values()) + lost >= expected or time.monotonic() > deadline_s:
                self._caught_up.wait(ends, deadline_s=STILL_S)
                return max(lost, expected - sum(ends.values()))
            time.sleep(POLL_S)

    def _tell(self, training: TrainingReport, rounds: list[Round], rate: float, dropped: int) -> Story:
        lake, plan = self._lake, self._plan
        records = list(read_records(lake))
        judge = judge_of(plan, self._domain.models, self._call.state_dir, rescoring)
        with progress_bar("verifying scores", len(records)) as advance:
            done = 0

            def progress(count: int) -> None:
                nonlocal done
                advance(count - done)
                done = count

            report = verify(lake, judge, progress=progress)
        self._call.note("looking for drift")
        drift = run_monitor(self._settings, plan, once=True)
        verdicts = judge_rounds(lake, judge, self._domain, training.threshold, rounds, records)
        facts = Facts(
            project=plan.project,
            events=sum(lake.read(source, valid_only=False).num_rows for source in plan.sources),
            events_per_second=rate,
            dead_letters=sum(1 for _ in read_letters(lake, plan)),
            entities=count_entities(lake, plan, self._domain),
            training=training,
            rounds=rounds,
            verdicts=verdicts,
            records_dropped=dropped,
            verify=report,
            drift=drift,
            seconds=self._laps.total(),
        )
        summary = to_summary(facts)
        write_summary(summary, self._settings.var / SUMMARY)
        text = to_text(facts, summary)
        row = rounds[-1].rows[-1]
        steps = next_steps(
            settings=self._settings, repo=self._call.repo, row=row, model=training.model, pages=drift.pages
        )
        return Story(summary, f"{text}\n{steps}", holds(facts))
