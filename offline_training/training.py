"""One training from end to end: lake → training set → proven model → bundle → registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import onnxruntime

from features.approval.identity import Identity, identity
from features.approval.rules import Rules, rules_of
from features.approval.signing import KEY_SETTING
from features.bundle import Bundle
from features.clock import Clock, SystemClock
from features.domain import Domain
from features.errors import BundleCorruptError, NotApprovedError, RegistryUnavailableError, SettingsError
from features.lake import open_site_lake
from features.model_file import ModelSpec
from features.nouns import Engine, Knowledge
from features.plan import Plan
from features.progress import Progress, no_progress
from features.routing import CHAMPION, Arm
from features.settings import Settings
from offline_training.audit import AUDIT_FILE, AuditLog
from offline_training.baselines import LINEAR
from offline_training.bundle_writer import code_version, instant, manifest_of, write_bundle
from offline_training.card import CardFacts
from offline_training.dataset import Dataset
from offline_training.evaluation import (
    RANKED_BY,
    ChampionReport,
    Outcomes,
    compare_with,
    judge_model,
    require_columns,
    to_outcomes,
)
from offline_training.exploration import explore
from offline_training.fitting import Fitted, Say, fit
from offline_training.learners import LEARNERS
from offline_training.lineage import trace
from offline_training.notification import open_notify
from offline_training.publishing import Release, publish
from offline_training.registry import Registry
from offline_training.registry_anchor import RegistryAnchor
from offline_training.report import TrainingReport
from offline_training.reporting import write_reports
from offline_training.run_folder import open_run
from offline_training.search.choosing import choose
from offline_training.search.outcome import SearchReport
from offline_training.training_set import training_set
from offline_training.validation import require_valid


class _Laps:
    """Seconds that each part took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part] = round(now - self._since, 3)
        self._since = now


def train(
    settings: Settings,
    plan: Plan,
    domain: Domain,
    *,
    model: str | None = None,
    knowledge: Knowledge = "as_true",
    engine: Engine = "local",
    arm: Arm = CHAMPION,
    quick: bool = False,
    registry_uri: str | None = None,
    say: Say = lambda _: None,
    progress: Progress = no_progress,
    clock: Clock = SystemClock(),  # noqa: B008 - holds nothing
) -> TrainingReport:
    """Train a model of the domain (None: its only one), register it, and let it serve as an arm if it may.

    A quick training leaves out the search, the exploration, and what takes long and decides nothing: most pictures,
    explanations, robustness. DomainError where the training set does not pass its validation. The same training
    started again after a kill goes on from its run folder.
    """
    name, spec = domain.model(model)
    rules, who = rules_of(domain, name), identity(settings.approval.key, domain.people)
    _require_signature(rules, who)
    laps = _Laps()
    registry = Registry(registry_uri or settings.registry.uri)
    audit = AuditLog(settings.state_dir(plan.project) / AUDIT_FILE, RegistryAnchor(registry, plan.project))
    audit.read()
    laps.lap("start")
    say("computing the features of every labelled observation from the lake")
    lineage = trace(open_site_lake(settings, plan.project), (source.topic for source in plan.sources))
    data = training_set(settings, plan, domain, name, knowledge=knowledge, engine=engine)
    require_columns(data, spec)
    laps.lap("dataset")
    run_identity = _run_identity(name, plan, spec, data, quick=quick)
    with (
        open_run(settings.state_dir(plan.project), name, run_identity) as run,
        TemporaryDirectory(prefix="millstream-train-") as scratch,
    ):
        say("validating the training set")
        verdict = require_valid(settings, plan, domain, name, data, run.reports, engine=engine)
        laps.lap("validation")
        if not quick:
            explore(name, spec, data, run.reports, say)
            laps.lap("exploration")
        search = None
        if spec.search is not None and not quick:
            spec, search = choose(data, spec, spec.search, run.search_journal, say=say, progress=progress)
            laps.lap("search")
        fitted = fit(data, spec, say)
        laps.lap("fit")
        say(f"judging it on {len(fitted.split.later):,} rows")
        outcomes = to_outcomes(data, fitted.spec, fitted.split, fitted.test_scores)
        judgement = judge_model(data, fitted.spec, fitted.split, fitted.tested, outcomes, quick=quick)
        at = datetime.fromtimestamp(clock.now_us() / 1e6, UTC)
        manifest = manifest_of(name, plan, data, fitted, judgement, created_at=at)
        facts = CardFacts(manifest, plan, fitted.spec, data, fitted, judgement, lineage, verdict)
        versus = _beside_champion(registry, rules, Path(scratch), facts, outcomes, say)
        laps.lap("judgement")
        bundle = write_bundle(Path(scratch) / "bundle", facts)
        laps.lap("bundle")
        say("drawing its reports")
        write_reports(run.reports, facts, outcomes, versus, quick=quick)
        laps.lap("reports")
        say("registering the bundle")
        release = publish(
            registry,
            audit,
            rules,
            bundle,
            run.reports,
            params=_params(spec, data, fitted),
            who=who,
            at=at,
            notify=open_notify(settings.approval),
            arm=arm,
        )
        if search is not None:
            registry.log_search(release.published.run_id, search)
        laps.lap("registry")
    return _report(arm, facts, search, bundle, release, run.reports, laps.seconds)


def _run_identity(model: str, plan: Plan, spec: ModelSpec, data: Dataset, *, quick: bool) -> Mapping[str, Any]:
    """All that decides what comes out of a training."""
    return {
        "model": model,
        "plan_hash": plan.hash,
        "data_fingerprint": data.fingerprint,
        "knowledge": data.knowledge,
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
    if champion is None:
        return None
    return compare_with(champion, facts.plan, facts.spec, facts.data, facts.fitted.split, outcomes)


def _require_signature(rules: Rules, who: Identity) -> None:
    """Refuse, before any work, to train what could never be approved: the domain's people sign what they publish."""
    if rules.people and who.key is None:
        names = ", ".join(rules.people)
        raise SettingsError(KEY_SETTING, f"names no key, and {names} of model.yaml sign what they train", "set it")


def _params(spec: ModelSpec, data: Dataset, fitted: Fitted) -> Mapping[str, Any]:
    """What the registry shows of how the model came about."""
    library = LEARNERS[fitted.learned.learner].library
    return {
        **fitted.learned.params,
        "algorithm": fitted.learned.learner,
        "validation_loss": fitted.validation_loss,
        "seed": spec.seed,
        "horizon": spec.horizon,
        "knowledge": data.knowledge,
        "baseline_feature": spec.baseline_feature,
        "millstream_version": code_version(),
        f"{library}_version": version(library),
        "onnxruntime_version": onnxruntime.__version__,
    }


def _report(
    arm: Arm,
    facts: CardFacts,
    search: SearchReport | None,
    bundle: Bundle,
    release: Release,
    reports: Path,
    seconds: Mapping[str, float],
) -> TrainingReport:
    data, fitted, spec, manifest = facts.data, facts.fitted, facts.spec, facts.manifest
    earlier = fitted.split.earlier
    return TrainingReport(
        model=manifest.model,
        version=release.published.version,
        run_id=release.published.run_id,
        digest=bundle.digest,
        plan_hash=manifest.plan_hash,
        knowledge=data.knowledge,
        stage=release.stage,
        checks=release.checks,
        promoted=release.promoted,
        arm=arm,
        rows=len(earlier),
        positives=int(data.labels[earlier].sum()) if spec.task == "binary" else None,
        first_at=instant(data.at_us[earlier].min()),
        last_at=instant(data.at_us[earlier].max()),
        test_at=instant(fitted.split.later_at_us),
        test=fitted.test,
        ranked_by=RANKED_BY[spec.task],
        linear=fitted.linear,
        linear_algorithm=LINEAR[spec.task],
        single_feature=spec.baseline_feature,
        single_rank=fitted.single_rank,
        threshold=facts.judgement.threshold,
        gates=(*fitted.gates, *facts.judgement.gates),
        targets=facts.judgement.targets,
        reports=str(reports),
        algorithm=fitted.learned.learner,
        params=dict(fitted.learned.params),
        search=None if search is None else search.summary,
        refit_rows=manifest.window.rows,
        refit_positives=manifest.window.positives,
        refused_rows=data.left_out.refused,
        cut_off_rows=data.left_out.cut_off,
        onnx_max_abs_diff=fitted.proof.max_abs_diff,
        proven_rows=fitted.proof.n_rows,
        data_fingerprint=data.fingerprint,
        data_quality=facts.verdict.line(),
        seconds=dict(seconds),
    )
