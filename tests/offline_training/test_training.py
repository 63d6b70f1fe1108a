"""A whole training: lake in, champion in a real registry out."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from deploy.servers import MlflowServer
from features.approval.identity import user_name
from features.bundle import EXPLAIN, MODEL, MODEL_CARD, REFERENCE, Bundle, read_bundle
from features.clock import FrozenClock
from features.errors import DomainError, RegistryUnavailableError
from features.golden import first_difference, read_golden
from features.routing import CHAMPION
from features.shapley import open_explainer
from features.sigmoid import sigmoid_many
from grpc_api.mlflow_registry import Listing, MlflowRegistry, Registered
from offline_training.audit import AUDIT_FILE, AuditLog
from offline_training.proof import open_session, raw_scores
from offline_training.registry import Registry
from offline_training.report import TARGET_MISSED, TrainingReport
from offline_training.training import train
from tests.offline_training.small_domain import GROUPED, LABELS, SmallDomain, drop_oldest, small_domain, windowed_domain

pytestmark = pytest.mark.servers

NOW_US = 1_712_000_000_000_000


class Trained(NamedTuple):
    """One training, and its bundle as model sync downloads it."""

    small: SmallDomain
    uri: str
    report: TrainingReport
    bundle: Bundle


def _train(small: SmallDomain, uri: str, **options: Any) -> TrainingReport:
    asked = {"quick": True, "registry_uri": uri, "clock": FrozenClock(NOW_US)} | options
    return train(small.settings, small.plan, small.domain, **asked)


@pytest.fixture(scope="module")
def trained(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The small domain, trained once."""
    folder = tmp_path_factory.mktemp("trained")
    small, registry = small_domain(folder), Registry(mlflow_server.uri)
    before = MlflowRegistry(mlflow_server.uri).look("standstill")
    for arm in () if before is None else before.arms:
        registry.retire("standstill", arm)  # of other modules' tests: this one is compared with nobody
    report = _train(small, mlflow_server.uri, quick=False)
    download = folder / "download"
    download.mkdir()
    path = MlflowRegistry(mlflow_server.uri).download(report.model, report.version, download)
    return Trained(small, mlflow_server.uri, report, read_bundle(path))


def test_a_model_that_passes_its_gates_becomes_champion(trained: Trained) -> None:
    """The registry's alias names the new version, whose tags say what it is and who approved it."""
    found = MlflowRegistry(trained.uri).look("standstill")
    assert found == Listing({CHAMPION: Registered(trained.report.version, trained.bundle.digest, "production")})
    assert trained.report.promoted
    (listed,) = [v for v in Registry(trained.uri).list_models("machines") if v.version == trained.report.version]
    assert (listed.model, listed.aliases, listed.stage) == ("standstill", ("champion",), "production")
    assert (listed.digest, listed.plan_hash) == (trained.bundle.digest, trained.small.plan.hash)
    assert listed.figures == trained.bundle.manifest.metrics
    assert (listed.developer, listed.approved_by) == (user_name(), "policy")
    assert datetime.fromisoformat(listed.approval_timestamp) == datetime.fromtimestamp(NOW_US / 1e6, UTC)


def test_the_downloaded_bundle_is_whole_and_of_this_plan(trained: Trained) -> None:
    """Every digest holds after the way through the registry, and the manifest names what the model was made for."""
    manifest = trained.bundle.manifest
    manifest.require_plan(trained.small.plan, applied_at=datetime.now(UTC))
    assert trained.bundle.digest == trained.report.digest
    assert manifest.created_at == datetime.fromtimestamp(NOW_US / 1e6, UTC)
    assert manifest.view_hashes == {"work": "0123456789abcdef"}
    assert manifest.data_fingerprint == trained.report.data_fingerprint
    assert (manifest.window.rows, manifest.window.positives) == (
        trained.report.refit_rows,
        trained.report.refit_positives,
    )
    assert manifest.decision is not None
    assert manifest.decision.names == ("runs", "stands")


def test_its_golden_rows_hold(trained: Trained) -> None:
    """The golden rows of the bundle are what its model gives, together and one by one."""
    golden = read_golden(trained.bundle)
    session = open_session(trained.bundle.file(MODEL).read_bytes())
    singles = np.concatenate([raw_scores(session, row[np.newaxis]) for row in golden.features])
    assert len(golden.raw_scores) >= 300
    expected = golden.raw_scores
    assert first_difference(expected, raw_scores(session, golden.features)) is None
    assert first_difference(expected, singles) is None
    assert trained.report.onnx_max_abs_diff == 0.0


def test_its_reference_is_a_sample_of_the_training_set_with_scores(trained: Trained) -> None:
    """Vectors, the published model's raw scores for them, and the one sigmoid of those."""
    reference = pq.read_table(trained.bundle.file(REFERENCE))
    names = trained.bundle.manifest.features
    assert reference.column_names == [*names, "raw_score", "score"]
    rows = np.column_stack([reference[name].to_numpy() for name in names])
    raws = raw_scores(open_session(trained.bundle.file(MODEL).read_bytes()), rows)[:, 0]
    assert raws.tolist() == reference["raw_score"].to_pylist()
    assert sigmoid_many(raws.tolist()) == reference["score"].to_pylist()
    assert reference.num_rows == min(5_000, trained.report.refit_rows)


def test_its_raw_scores_are_explained(trained: Trained) -> None:
    """What every feature contributed sums to the raw score; the covers are those of the rows that it was fitted on."""
    golden, n_features = read_golden(trained.bundle), len(trained.bundle.manifest.features)
    explainer = open_explainer(trained.bundle.file(EXPLAIN), n_features, 1)
    assert explainer is not None
    for row, (raw,) in zip(golden.features[:100], golden.raw_scores[:100].tolist(), strict=True):
        assert explainer.base(0) + explainer.contributions(row, 0).sum() == pytest.approx(raw, abs=1e-9)
    with np.load(trained.bundle.file(EXPLAIN), allow_pickle=False) as tables:
        assert tables["covers"][0] == trained.report.refit_rows
        assert tables["leaf_covers"].min() > 0


def test_its_card_tells_the_story(trained: Trained) -> None:
    """Data, figures against both baselines, gates, every input and the limits stand in the card."""
    card = trained.bundle.file(MODEL_CARD).read_text(encoding="utf-8")
    for heading in (
        "# standstill", "## Details", "## Intended use", "## Data", "## Data quality", "## Inputs",
        "## How good it is", "## Gates", "## Limits", "## Ethics and fairness",
        "## Deployment", "## Maintenance", "## Environment and lineage",
    ):  # fmt: skip
        assert heading in card
    assert f"{trained.report.test.rank:.4f}" in card
    assert f"{trained.report.linear.rank:.4f}" in card
    assert "| `work:jobs_20d` | count of parts over 20 days |" in card
    assert "| `rhythm:idle_share` | computed at request time |" in card


def test_its_run_shows_metrics_params_and_reports(trained: Trained) -> None:
    """MLflow's own pages show how the model came about."""
    from mlflow import MlflowClient

    client = MlflowClient(trained.uri, trained.uri)
    run = client.get_run(trained.report.run_id)
    assert run.data.metrics["linear_roc_auc"] == pytest.approx(trained.report.linear.rank)
    assert run.data.params["num_iterations"] == str(trained.report.params["num_iterations"])
    assert run.data.params["knowledge"] == trained.bundle.manifest.window.knowledge == "as_true"
    assert run.data.params["num_leaves"] == "4"
    logged = {Path(artifact.path).name for artifact in client.list_artifacts(trained.report.run_id, "reports")}
    assert logged == {path.name for path in Path(trained.report.reports).iterdir()}


def test_its_reports_lie_in_the_state_folder(trained: Trained) -> None:
    """Pictures under the names that are promised, the card as text and as a page, and all figures for programs."""
    folder = Path(trained.report.reports)
    assert folder.is_relative_to(trained.small.settings.state_dir("machines"))
    names = {path.name for path in folder.iterdir()}
    assert {
        "roc_curve.png", "predicted_vs_actual.png", "feature_importance_model.png", "shap_summary.png",
        "shap_waterfall_sample_0.png", "lime_explanation_sample_0.png", "confusion_matrix.png", "residual_plot.png",
        "model_card.md", "model_card.html", "evaluation.json",
    } <= names  # fmt: skip
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert evaluation["champion"] is None
    assert evaluation["judgement"]["figures"]["roc_auc"]["value"] == pytest.approx(trained.report.test.roc_auc)
    assert (folder / "model_card.md").read_text() == trained.bundle.file(MODEL_CARD).read_text()
    page = (folder / "model_card.html").read_text()
    of_data = {"target_analysis.png", "feature_importance.png"}
    assert of_data | {"eda_report.html", "exploration.json", "data_quality.html", "data_quality.json"} <= names
    assert page.count("<img ") == len([name for name in names - of_data if name.endswith(".png")])


def test_its_events_are_in_the_audit_log(trained: Trained) -> None:
    """Publish and promote are logged with the digest, by whom and on what grounds."""
    entries = AuditLog(trained.small.settings.state_dir("machines") / AUDIT_FILE).read()
    assert [entry.event for entry in entries] == ["publish", "validate", "approve", "promote"]
    assert {entry.digest for entry in entries} == {trained.bundle.digest}
    assert [entry.by for entry in entries] == [user_name(), user_name(), "policy", user_name()]
    _, validate, _, promote = entries
    assert promote.detail["arm"] == "champion"
    assert validate.detail["outcome"] == "pending_review"
    assert "against_single_feature" in validate.detail["gates"]


def test_its_summary_has_the_demos_keys(trained: Trained) -> None:
    """The report gives the parts of summary.json that are training's."""
    summary = trained.report.summary()
    assert set(summary["training"]) == {
        "rows", "positives", "roc_auc", "accuracy", "brier", "baseline_roc_auc", "recency_roc_auc", "test_date"
    }  # fmt: skip
    assert set(summary["model"]) == {"name", "version", "onnx_max_abs_diff", "plan_hash"}
    assert summary["training"]["test_date"] == "2024-03-31"
    assert any("champion" in line for line in trained.report.lines())


def test_the_same_lake_trains_the_same_model(trained: Trained, tmp_path: Path) -> None:
    """A second training on equal data gives the same bytes of every file of the bundle, as a new version.

    Its reports also hold it against the champion by then, which is the same model: nothing is gained.
    """
    again = _train(small_domain(tmp_path), trained.uri, quick=False)
    path = MlflowRegistry(trained.uri).download(again.model, again.version, tmp_path)
    theirs, ours = read_bundle(path).manifest.files, trained.bundle.manifest.files
    assert again.version != trained.report.version
    assert theirs == ours
    champion = json.loads((Path(again.reports) / "evaluation.json").read_text())["champion"]
    assert (champion["version"], champion["digest"]) == (trained.report.version, trained.report.digest)
    assert champion["figures"]["roc_auc"]["gain"]["value"] < 1e-12 or champion["not_comparable"] == ""
    assert "## Beside the champion" in (Path(again.reports) / "model_card.md").read_text()


def test_a_model_that_fails_a_gate_is_kept_but_not_promoted(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """It has failed its validation, the champion stays, and the report says which gate failed."""
    registry = Registry(mlflow_server.uri)
    before = MlflowRegistry(mlflow_server.uri).look("standstill")
    small = small_domain(tmp_path, gates={"max_below_linear": 0.5, "min_above_baseline": 0.9})
    report = _train(small, mlflow_server.uri)
    assert not report.promoted
    assert MlflowRegistry(mlflow_server.uri).look("standstill") == before
    newest = registry.list_models("machines")[0]
    assert (newest.version, newest.aliases, newest.stage) == (report.version, (), "failed_validation")
    entries = AuditLog(small.settings.state_dir("machines") / AUDIT_FILE).read()
    assert [entry.event for entry in entries] == ["publish", "validate"]
    assert any("against_single_feature not passed" in line for line in report.lines())


def test_a_missed_target_is_told_and_stops_nothing(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """The model serves; the report names the target, and its exit code is one of its own."""
    small = small_domain(tmp_path, targets={"accuracy": 1.0, "brier": 0.9})
    report = _train(small, mlflow_server.uri, quick=True)
    assert report.promoted
    assert report.exit_code == TARGET_MISSED
    assert [target.met for target in report.targets] == [False, True]
    assert any(line.startswith("  target accuracy at least 1 missed") for line in report.lines())


def test_groups_that_are_treated_differently_fail_the_gate(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """A protected column travels beside the inputs: it is in no bundle, its gap decides; SQL may call it anything."""
    hall = "hall (n/s)"
    labels, fairness = GROUPED.replace("AS hall", f'AS "{hall}"'), {"columns": [hall], "max_gap": 0.0}
    small = small_domain(tmp_path, labels=labels, fairness=fairness, evaluation={"segments": [hall, "shift"]})
    report = _train(small, mlflow_server.uri, quick=True)
    (gate,) = [gate for gate in report.gates if gate.name == f"alike_across_{hall}"]
    assert not gate.passed
    assert not report.promoted
    assert report.exit_code == 1
    path = MlflowRegistry(mlflow_server.uri).download(report.model, report.version, tmp_path)
    bundle = read_bundle(path)
    assert not any("hall" in feature for feature in bundle.manifest.features)
    assert bundle.manifest.metrics[f"bias.{hall}"] == pytest.approx(1 - gate.value)


def test_a_champion_whose_bundle_is_lost_stops_no_training(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """It is told, and there is no comparison."""
    small, said = small_domain(tmp_path), list[str]()
    first = _train(small, mlflow_server.uri, quick=True)
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    version = client.create_model_version("standstill", source=f"runs:/{first.run_id}/nowhere", run_id=first.run_id)
    client.set_registered_model_alias("standstill", "champion", version.version)
    again = _train(small, mlflow_server.uri, quick=True, say=said.append)
    assert any(line.startswith("the champion cannot be compared with") for line in said)
    assert "## Beside the champion" not in (Path(again.reports) / "model_card.md").read_text()


def test_asking_the_registry_does_not_load_feast(trained: Trained) -> None:
    """Feast's plugin for MLflow would import all of Feast with the first request; this room may not."""
    code = (
        "import sys; from offline_training.registry import Registry;"
        "Registry(sys.argv[1]).list_models('machines'); print('mlflow' in sys.modules, 'feast' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code, trained.uri], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["True", "False"]


def test_another_projects_models_are_not_listed(trained: Trained) -> None:
    """One registry may serve several projects."""
    assert Registry(trained.uri).list_models("elsewhere") == []


def test_a_registry_that_is_down_is_told_before_the_training(tmp_path: Path) -> None:
    """No work is done for a model that could not be registered."""
    small, said = small_domain(tmp_path), list[str]()
    with pytest.raises(RegistryUnavailableError):
        _train(small, "http://127.0.0.1:9", say=said.append)
    assert said == []


def test_parameters_that_cannot_be_meant_are_told_before_the_training(tmp_path: Path) -> None:
    """No row is read for them."""
    small, said = small_domain(tmp_path, params={"num_leaves": 1}), list[str]()
    with pytest.raises(DomainError, match=r"params\.num_leaves: is 1; write a whole number from 2 to 131072"):
        _train(small, "http://127.0.0.1:9", say=said.append)
    assert said == []


def test_a_training_set_that_knows_the_label_ends_the_training(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """Nothing is registered; the page that tells why is there."""
    honest = LABELS.replace("1.0 * (day % 3) AS shift,", "")
    leaking = f"SELECT *, 5000.0 * label::INTEGER AS shift FROM ({honest})"
    small = small_domain(tmp_path, labels=leaking)
    before = Registry(mlflow_server.uri).list_models("machines")
    with pytest.raises(DomainError, match=r"leakage_future: shift[\s\S]*: rhythm:idle_share") as raised:
        _train(small, mlflow_server.uri)
    (page,) = small.settings.state_dir("machines").glob("runs/standstill/*/reports/data_quality.html")
    assert str(page) in str(raised.value)
    assert Registry(mlflow_server.uri).list_models("machines") == before


def test_an_unknown_model_is_a_bad_input(tmp_path: Path, mlflow_server: MlflowServer) -> None:
    """The domain's models are named in the refusal."""
    with pytest.raises(DomainError, match="standstill"):
        _train(small_domain(tmp_path), mlflow_server.uri, model="other")


def test_the_command_prints_one_json_object_last(
    mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`train --json` ends its output with the report, tells progress on stderr, and exits 0 for a champion."""
    import typer

    from offline_training.__main__ import train_command

    small = small_domain(tmp_path)
    monkeypatch.setenv("MILLSTREAM_REGISTRY__URI", mlflow_server.uri)
    app = typer.Typer()
    app.command()(train_command)
    options = ["--repo", str(small.settings.repo), "--var", str(small.settings.var)]
    result = CliRunner().invoke(app, [*options, "--quick", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["model"] == "standstill"
    assert "proving" in result.stderr
    refused = CliRunner().invoke(app, [*options, "--model", "other"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "standstill" in refused.stderr


def test_what_was_left_out_for_dropped_records_is_told(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """By the command and on the model card."""
    small = windowed_domain(tmp_path)
    drop_oldest(small)
    report = _train(small, mlflow_server.uri)
    path = MlflowRegistry(mlflow_server.uri).download(report.model, report.version, tmp_path)
    assert report.cut_off_rows > 0
    assert f"  {report.cut_off_rows} observations left out: they look back on records" in "\n".join(report.lines())
    card = read_bundle(path).file(MODEL_CARD).read_text()
    assert f" {report.cut_off_rows} were left out because they look back on records that the lake has dropped." in card
