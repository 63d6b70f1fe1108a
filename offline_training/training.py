"""One training from end to end: lake → training set → proven model → bundle → registry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import msgspec
import onnxruntime

from features.approval.identity import Identity, identity
from features.approval.rules import Rules, rules_of
from features.approval.signing import KEY_SETTING
from features.clock import Clock, SystemClock
from features.domain import Domain
from features.errors import BundleCorruptError, NotApprovedError, RegistryUnavailableError, SettingsError
from features.head import UNSUPERVISED
from features.lake import open_site_lake
from features.model_file import ModelSpec
from features.nouns import SCORES_TOPIC, Engine, Provenance
from features.plan import Plan
from features.progress import Progress, no_progress
from features.routing import CHAMPION, Arm
from features.settings import Settings
from offline_training.bundle_writer import code_version, manifest_of, write_bundle
from offline_training.card import CardFacts
from offline_training.dataset import Dataset, sources_of
from offline_training.evaluation import (
    ChampionReport,
    Judgement,
    Outcomes,
    compare_with,
    judge_model,
    require_columns,
    to_outcomes,
)
from offline_training.exploration import explore
from offline_training.fitting import Fitted, Say, fit
from offline_training.laps import Laps
from offline_training.learners import LEARNERS, Keep, Learner, learner_of
from offline_training.lineage import Lineage, trace
from offline_training.notification import open_notify
from offline_training.publishing import publish
from offline_training.registry import RUN_PARAMETER, Registry
from offline_training.registry_anchor import open_audit_log
from offline_training.report import TrainingReport
from offline_training.report_of import report_of
from offline_training.reporting import write_reports
from offline_training.run_folder import open_run
from offline_training.search.choosing import choose
from offline_training.search.outcome import SearchReport
from offline_training.served.served_set import with_later_outcomes
from offline_training.spread.lightgbm_fits import spread_learner
from offline_training.spread.refusal import require_spreadable
from offline_training.training_set import TrainingSet, open_engine, open_training_set
from offline_training.validation import Verdict, require_valid

_FROM_LAKE: Final = "computing the features of every labelled observation"
_FROM: Final[Mapping[Provenance, str]] = {
    "as_true": _FROM_LAKE,
    "as_known": _FROM_LAKE,
    "as_served": "joining what was served with its outcomes",
}


class _Job(NamedTuple):
    """What is to be trained, and how."""

    settings: Settings
    plan: Plan
    domain: Domain
    model: str
    spec: ModelSpec
    knowledge: Provenance
    engine: Engine
    quick: bool
    say: Say
    progress: Progress
    laps: Laps


def train(
    settings: Settings,
    plan: Plan,
    domain: Domain,
    *,
    model: str | None = None,
    knowledge: Provenance = "as_true",
    engine: Engine = "local",
    arm: Arm = CHAMPION,
    quick: bool = False,
    registry_uri: str | None = None,
    say: Say = lambda _: None,
    progress: Progress = no_progress,
    clock: Clock = SystemClock(),  # noqa: B008 - holds nothing
    data: Dataset | None = None,
    learner: Learner | None = None,
) -> TrainingReport:
    """Train a model of the domain (None: its only one), register it, and let it serve as an arm if it may.

    A quick training leaves out the search, the exploration, and what takes long and decides nothing: most pictures,
    explanations, robustness. DomainError where the training set does not pass its validation. The same training
    started again after a kill goes on from its run folder. ``data`` and ``learner`` take the place of those that lake
    and model file give.
    """
    name, spec = domain.model(model)
    if knowledge == "as_served":
        spec = with_later_outcomes(spec)
    rules, who = rules_of(domain, name), identity(settings.approval.key, domain.people)
    _require_signature(rules, who)
    if learner is None:
        learner_of(spec.algorithm, spec.task).check(spec.params)  # before a row is read
    job = _Job(settings, plan, domain, name, spec, knowledge, engine, quick, say, progress, Laps())
    registry = Registry(registry_uri or settings.registry.uri)
    audit = open_audit_log(settings.state_dir(plan.project), registry, plan.project)
    audit.read()  # before any work: a log that was tampered with takes no entry
    job.laps.lap("start")
    if data is None:
        say(_FROM[knowledge])
    lineage = _trace(job)
    with (
        open_engine(settings, engine) as cluster,
        open_training_set(settings, plan, domain, name, knowledge=knowledge, cluster=cluster, data=data) as read,
        open_run(settings.state_dir(plan.project), name, _identity_of(job, read)) as run,
        TemporaryDirectory(prefix="millstream-train-") as scratch,
    ):
        data = read.data
        _require_trainable(job, read)
        lineage = msgspec.structs.replace(lineage, dataset=data.origin)
        verdict = _inspect(job, read, run.reports)
        spec, search = _search(job, read, run.search_journal)
        learner = learner or spread_learner(cluster, read.table, spec)
        fitted = fit(data, spec, say, Keep(run.checkpoints, run.event_logs, progress), learner)
        job.laps.lap("fit")
        outcomes, judgement = _judge(job, data, fitted)
        at = datetime.fromtimestamp(clock.now_us() / 1e6, UTC)
        manifest = manifest_of(name, plan, data, fitted, judgement, created_at=at)
        facts = CardFacts(manifest, plan, fitted.spec, data, fitted, judgement, lineage, verdict)
        versus = _beside_champion(registry, rules, Path(scratch), facts, outcomes, say)
        job.laps.lap("judgement")
        bundle = write_bundle(Path(scratch) / "bundle", facts)
        job.laps.lap("bundle")
        say("drawing its reports")
        write_reports(run.reports, facts, outcomes, versus, quick=quick)
        job.laps.lap("reports")
        say("registering the bundle")
        release = publish(
            registry,
            audit,
            rules,
            bundle,
            run.reports,
            params=_params(run.name, spec, data, fitted, learner or LEARNERS[fitted.learned.learner]),
            who=who,
            at=at,
            notify=open_notify(settings.approval),
            arm=arm,
        )
        if search is not None:
            registry.log_search(release.published.run_id, search)
        job.laps.lap("registry")
    return report_of(arm, facts, search, bundle, release, run.reports, job.laps.seconds)


def _trace(job: _Job) -> Lineage:
    """Where in the lake a training set that is read from now on comes from."""
    topics = [source.topic for source in sources_of(job.plan, job.spec)]
    if job.knowledge == "as_served":
        topics.append(SCORES_TOPIC)
    return trace(open_site_lake(job.settings, job.plan.project), topics)


def _require_trainable(job: _Job, read: TrainingSet) -> None:
    """Tell what the training set is of, and refuse one that the model file does not go with."""
    for line in () if read.data.served is None else read.data.served.lines():
        job.say(line)
    require_columns(read.data, job.spec)
    require_spreadable(read.table, job.spec, quick=job.quick)
    job.laps.lap("dataset")


def _inspect(job: _Job, read: TrainingSet, reports: Path) -> Verdict:
    """Hold the training set to its suite, and look at it."""
    job.say("validating the training set")
    verdict = require_valid(job.plan, job.domain, job.model, read.data, read.tables, reports)
    job.laps.lap("validation")
    if not job.quick and job.spec.task not in UNSUPERVISED:
        explore(job.model, job.spec, read.data, reports, job.say)
        job.laps.lap("exploration")
    return verdict


def _search(job: _Job, read: TrainingSet, journal: Path) -> tuple[ModelSpec, SearchReport | None]:
    """The model file with what a search chose, and the search; as it is (None) where none is wanted."""
    if job.spec.search is None or job.quick:
        return job.spec, None
    found = choose(
        read.data, job.spec, job.spec.search, journal, say=job.say, progress=job.progress, cluster=read.cluster
    )
    job.laps.lap("search")
    return found


def _judge(job: _Job, data: Dataset, fitted: Fitted) -> tuple[Outcomes, Judgement]:
    """What came of the test rows, and what is to be thought of it."""
    job.say(f"judging it on {len(fitted.split.later):,} rows")
    outcomes = to_outcomes(data, fitted.spec, fitted.split, fitted.test_scores)
    return outcomes, judge_model(data, fitted.spec, fitted.split, fitted.tested, outcomes, quick=job.quick)


def _identity_of(job: _Job, read: TrainingSet) -> Mapping[str, Any]:
    shares = 1 if read.table is None else read.table.n_shares
    return run_identity(job.plan, job.model, job.spec, read.data, quick=job.quick, shares=shares)


def run_identity(
    plan: Plan, model: str, spec: ModelSpec, data: Dataset, *, quick: bool, shares: int = 1
) -> Mapping[str, Any]:
    """All that decides what comes out of a training."""
    return {
        "model": model,
        "plan_hash": plan.hash,
        "data_fingerprint": data.fingerprint,
        "knowledge": data.knowledge,
        "shares": shares,
        "spec": msgspec.to_builtins(spec),
        "quick": quick,
        "code_version": code_version(),
    }


def _beside_champion(
    registry: Registry, rules: Rules, scratch: Path, facts: CardFacts, outcomes: Outcomes, say: Say
) -> ChampionReport | None:
    """The comparison with what serves now; an old champion whose bundle is lost stops no training."""
    try:
        champion = registry.champion(facts.manifest.model, scratch)
        if champion is not None:
            rules.require_sound(champion.bundle)  # it is run here
    except (BundleCorruptError, NotApprovedError, RegistryUnavailableError) as error:
        say(f"the champion cannot be compared with: {error}")
        return None
    if champion is None or facts.spec.task in UNSUPERVISED:
        return None
    return compare_with(champion, facts.plan, facts.spec, facts.data, facts.fitted.split, outcomes)


def _require_signature(rules: Rules, who: Identity) -> None:
    """Refuse, before any work, to train what could never be approved: the domain's people sign what they publish."""
    if rules.people and who.key is None:
        names = ", ".join(rules.people)
        raise SettingsError(KEY_SETTING, f"names no key, and {names} of model.yaml sign what they train", "set it")


def _params(run: str, spec: ModelSpec, data: Dataset, fitted: Fitted, learner: Learner) -> Mapping[str, Any]:
    """What the registry shows of how the model came about."""
    return {
        **fitted.learned.params,
        RUN_PARAMETER: run,
        "algorithm": fitted.learned.learner,
        "validation_loss": fitted.validation_loss,
        "seed": spec.seed,
        "horizon": spec.horizon,
        "dataset": None if data.origin is None else data.origin.url,
        "knowledge": data.knowledge,
        "baseline_feature": spec.baseline_feature,
        "millstream_version": code_version(),
        f"{learner.library}_version": version(learner.library),
        "onnxruntime_version": onnxruntime.__version__,
    }
