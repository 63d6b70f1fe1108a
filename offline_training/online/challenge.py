"""One run of the challenger: learn from the outcomes that have become known, publish what came of it.

It is a verb that ends, in the room of training: outcomes are what ``labels.sql`` tells of the lake, which nobody else
asks, and what is published goes the way of every model. A schedule may run it as often as outcomes come.
"""

from __future__ import annotations

from typing import Final

import msgspec

from features.clock import Clock, SystemClock
from features.domain import Domain
from features.errors import DomainError
from features.model_file import ModelSpec, PreparationSpec
from features.plan import Plan
from features.routing import CHALLENGER
from features.settings import Settings
from offline_training.fitting import Say
from offline_training.online.checkpoints import Checkpoints
from offline_training.online.learner import NAMES, OnlineLearner
from offline_training.online.prequential import prequential
from offline_training.online.report import ChallengeReport, figures_told
from offline_training.registry import LearnedVersion, Registry
from offline_training.report import TrainingReport
from offline_training.run_folder import held, run_name
from offline_training.sample import sample_of
from offline_training.served.served_set import with_later_outcomes
from offline_training.training import run_identity, train
from offline_training.training_set import training_set

ONLINE_FOLDER: Final = "online"
_CHECKPOINTS: Final = "checkpoints.jsonl"


def challenge(
    settings: Settings,
    plan: Plan,
    domain: Domain,
    *,
    model: str | None = None,
    registry_uri: str | None = None,
    say: Say = lambda _: None,
    clock: Clock = SystemClock(),  # noqa: B008 - holds nothing
) -> ChallengeReport:
    """Fold all outcomes into the challenger of a model; register it, unless the registry has it as the last.

    DomainError where the model file states none. UnavailableError where another process is at it.
    """
    name, spec = domain.model(model)
    spec = challenger_spec(f"model.yaml: models.{name}", spec)
    folder = settings.state_dir(plan.project) / ONLINE_FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        say("joining what was served with its outcomes")
        challenged = domain._replace(models={**domain.models, name: spec})
        data = training_set(settings, plan, challenged, name, knowledge="as_served")
        assert data.served is not None  # it is of score records
        learner = OnlineLearner(spec.task, data.names, Checkpoints(folder / _CHECKPOINTS))
        say(f"learning from {len(data.labels):,} outcomes, one after the other")
        learner.fit(sample_of(spec, data.rows, data.labels), spec.params, seed=spec.seed)
        resumed = learner.resumed
        scored, figures = figures_told(prequential(learner.after_each(data.rows, data.labels, spec.params), data, spec))
        run = run_name(run_identity(plan, name, with_later_outcomes(spec), data, quick=True))
        before = Registry(registry_uri or settings.registry.uri).last_learned(plan.project, name, spec.algorithm)
        training: TrainingReport | None = None
        if before is None or before.run != run:
            training = train(
                settings,
                plan,
                challenged,
                model=name,
                knowledge="as_served",
                arm=CHALLENGER,
                quick=True,
                registry_uri=registry_uri,
                say=say,
                clock=clock,
                data=data,
                learner=learner,
            )
            before = LearnedVersion(training.version, run)
    return ChallengeReport(
        model=name,
        outcomes=len(data.labels),
        resumed=resumed,
        served=data.served,
        scored=scored,
        prequential=figures,
        version=before.version,
        training=training,
    )


def challenger_spec(where: str, spec: ModelSpec) -> ModelSpec:
    """The model file's word on the model, as far as its challenger goes by it.

    It has no preparation, search, calibration or weights: these are fitted to rows that are all there.
    """
    if spec.challenger is None:
        raise DomainError(f"{where}.challenger", "is missing", "write `challenger: {}` to have one")
    return msgspec.structs.replace(
        spec,
        algorithm=NAMES[spec.task],
        params=msgspec.structs.asdict(spec.challenger),
        preparation=PreparationSpec(),
        search=None,
        calibration=None,
        class_weights="none",
    )
