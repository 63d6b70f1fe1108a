"""The challenger from what was served to the registry, beside a champion that was trained the same way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from deploy.command_line import make_app
from deploy.servers import MlflowServer
from features.approval.tags import STAGE
from features.bundle import MODEL, MODEL_CARD, read_bundle
from features.clock import FrozenClock
from features.errors import DomainError, UnavailableError
from features.head import to_scores
from features.routing import CHALLENGER, CHAMPION
from grpc_api.mlflow_registry import MlflowRegistry
from monitoring.metrics import MonitorMetrics
from offline_training.evaluation import evaluate_model
from offline_training.fitting import fit
from offline_training.learners import Sample
from offline_training.online.challenge import ONLINE_FOLDER, challenge, challenger_spec
from offline_training.online.checkpoints import EVERY, Checkpoints
from offline_training.online.learner import OnlineLearner
from offline_training.online.prequential import prequential
from offline_training.online.report import ChallengeReport
from offline_training.registry import Registry
from offline_training.run_folder import held
from offline_training.training import train
from tests.offline_training.served.served_stream import LAST_DAY, from_scores, record_all, serve
from tests.offline_training.small_domain import DAY_US, SmallDomain, small_domain

NOW_US = 1_712_000_000_000_000
EVERY_DAY = range(20, LAST_DAY + 1, 5)


def challenged(folder: Path, **model: Any) -> SmallDomain:
    """The small domain, with a challenger."""
    return small_domain(folder, challenger={"learning_rate": 0.05}, **model)


def run(small: SmallDomain, uri: str) -> ChallengeReport:
    """One run of the challenger."""
    return challenge(small.settings, small.plan, small.domain, registry_uri=uri, clock=FrozenClock(NOW_US))


@pytest.mark.servers
def test_both_arms_learn_from_what_was_served(
    mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A champion from the scores; a challenger that goes on where it was, and is published when it has learned more."""
    small = challenged(tmp_path)
    days = list(EVERY_DAY)
    end = record_all(small, serve(small, days[:-3]))
    trained = train(
        small.settings, small.plan, small.domain,
        knowledge="as_served", quick=True, registry_uri=mlflow_server.uri, clock=FrozenClock(NOW_US),
    )  # fmt: skip
    assert trained.promoted
    assert trained.served is not None
    assert trained.refit_rows == trained.served.rows
    champion = read_bundle(MlflowRegistry(mlflow_server.uri).download(trained.model, trained.version, _new(tmp_path)))
    card = champion.file(MODEL_CARD).read_text()
    assert "It has seen only what was asked" in card
    assert "| `millstream.scores` |" in card
    assert "score records are rows" in card
    assert champion.manifest.window.knowledge == "as_served"
    assert any(line.endswith(f"{trained.test_at:%Y-%m-%d}") and " as served " in line for line in trained.lines())

    first = run(small, mlflow_server.uri)
    assert first.training is not None
    assert (first.resumed, first.outcomes) == (0, trained.refit_rows)
    assert first.training.promoted
    assert first.training.algorithm == "river_logistic_regression"
    assert first.training.onnx_max_abs_diff <= 1e-9
    again = run(small, mlflow_server.uri)
    assert (again.training, again.version, again.exit_code) == (None, first.version, 0)
    assert again.resumed == first.outcomes // EVERY * EVERY
    assert again.prequential == first.prequential
    assert any("nothing new since version" in line for line in again.lines())

    # Killed right after it was registered, or without its state folder: it registers nothing twice.
    shutil.rmtree(small.settings.state_dir("machines") / ONLINE_FOLDER)
    anew = run(small, mlflow_server.uri)
    assert (anew.training, anew.version, anew.resumed) == (None, first.version, 0)
    # Killed before its validation had ended: that version counts for nothing.
    registry, algorithm = Registry(mlflow_server.uri), first.training.algorithm
    registry.tag("standstill", first.version, {STAGE: "validation"})
    assert registry.last_learned("machines", "standstill", algorithm) is None
    registry.tag("standstill", first.version, {STAGE: first.training.stage})

    monkeypatch.setenv("MILLSTREAM_VAR", str(small.settings.var))
    monkeypatch.setenv("MILLSTREAM_REGISTRY__URI", mlflow_server.uri)
    command = CliRunner().invoke(make_app(), ["challenge", "--repo", str(small.settings.repo), "--json"])
    said = json.loads(command.stdout.splitlines()[-1])
    assert (command.exit_code, said["version"], said["training"]) == (0, first.version, None)
    page = MonitorMetrics(small.settings.state_dir("machines") / "reports").registry
    figure = {"model": "standstill", "figure": "roc_auc"}
    assert page.get_sample_value("millstream_challenger_prequential", figure) == said["prequential"]["roc_auc"]

    record_all(small, serve(small, days[-3:]), first=end)
    more = run(small, mlflow_server.uri)
    assert more.training is not None
    assert more.outcomes > first.outcomes
    assert more.resumed == again.resumed
    serving = MlflowRegistry(mlflow_server.uri).look("standstill").arms
    assert {arm: serving[arm].version for arm in (CHAMPION, CHALLENGER)} == {
        CHAMPION: trained.version, CHALLENGER: more.version
    }  # fmt: skip

    # What is published is the fold of all outcomes, and nothing of the way there.
    bundle = read_bundle(MlflowRegistry(mlflow_server.uri).download(more.model, more.version, _new(tmp_path)))
    spec = challenger_spec("", small.domain.models["standstill"])
    data = from_scores(small)
    whole = OnlineLearner("binary", data.names, Checkpoints(_new(tmp_path) / "none.jsonl"))
    assert bundle.file(MODEL).read_bytes() == fit(data, spec, lambda _: None, learner=whole).exported.onnx


def _new(folder: Path) -> Path:
    made = folder / f"new{len(list(folder.iterdir()))}"
    made.mkdir()
    return made


def test_each_score_is_held_against_what_could_be_known_then(tmp_path: Path) -> None:
    """The prequential figures are those of a walk that folds anew what was known at each row's instant."""
    small = challenged(tmp_path)
    record_all(small, serve(small, range(20, LAST_DAY + 1, 5)))
    data, spec = from_scores(small), challenger_spec("", small.domain.models["standstill"])
    learner = OnlineLearner("binary", data.names, Checkpoints(tmp_path / "some.jsonl"))
    learner.fit(Sample(data.rows, data.labels, "binary", 2), spec.params, seed=0)
    found = prequential(learner.after_each(data.rows, data.labels, spec.params), data, spec)
    scored: dict[int, float] = {}
    for row, at_us in enumerate(data.at_us.tolist()):
        known = int((data.at_us + 10 * DAY_US <= at_us).sum()) // EVERY * EVERY
        if known:
            fresh = OnlineLearner("binary", data.names, Checkpoints(tmp_path / f"{known}.jsonl"))
            then = fresh.fit(Sample(data.rows[:known], data.labels[:known], "binary", 2), spec.params, seed=0)
            scored[row] = float(to_scores("sigmoid", then.raw(data.rows[row : row + 1]))[0, 0])
    rows = np.array(list(scored))
    walked = evaluate_model(spec, data.labels[rows], np.array([list(scored.values())]).T)
    assert found is not None
    assert msgspec.structs.asdict(found) == pytest.approx(msgspec.structs.asdict(walked), rel=1e-9)
    assert 0 < found.rows < len(data.labels) - EVERY
    assert (
        prequential([], data._replace(rows=data.rows[:9], labels=data.labels[:9], at_us=data.at_us[:9]), spec) is None
    )


def test_a_model_without_a_challenger_has_none(tmp_path: Path) -> None:
    """The key to write is named."""
    small = small_domain(tmp_path)
    with pytest.raises(DomainError, match="challenger: is missing"):
        run(small, "http://127.0.0.1:9")


def test_two_do_not_learn_at_once(tmp_path: Path) -> None:
    """The second is told, before it reads anything."""
    small = challenged(tmp_path)
    folder = small.settings.state_dir("machines") / ONLINE_FOLDER / "standstill"
    folder.mkdir(parents=True)
    with held(folder), pytest.raises(UnavailableError, match="another process"):
        run(small, "http://127.0.0.1:9")
