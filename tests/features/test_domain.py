"""What a domain folder says without Feast."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.domain import load_domain, project_name
from features.errors import DomainError
from features.model_file import DatasetSpec
from tests.features.small_domain import SmallDomain

HOUR_US = 3_600_000_000


@pytest.fixture
def domain(tmp_path: Path) -> SmallDomain:
    return SmallDomain(tmp_path)


def test_a_domain_folder_tells_project_models_demo_and_labels(domain: SmallDomain) -> None:
    """Everything but the declarations is read without importing Feast."""
    loaded = load_domain(domain.repo)
    name, model = loaded.model(None)
    assert (loaded.project, name, model.service) == ("parcels", "overflow", "overflow")
    assert (model.horizon_us, model.gap_us, model.test_span_us) == (6 * HOUR_US, 6 * HOUR_US, 0)
    assert model.missing.of("flow:last_seen") == 0.0
    assert loaded.demo.train_at == datetime(2024, 3, 1, tzinfo=UTC)
    assert loaded.demo.score_at == (datetime(2024, 3, 2, 6, tzinfo=UTC), datetime(2024, 3, 3, tzinfo=UTC))
    assert "depot_id" in loaded.labels_sql("overflow")
    assert loaded.data_file("parcels") == domain.repo.resolve() / "data" / "parcels.parquet"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("service: overflow", "servise: overflow", "servise"),
        ("horizon: 6h", "horizon: six hours", "six hours"),
        ("horizon: 6h", "horizon: 0h", "horizon: is zero"),
        ("positive: overflows", "positive: holds", "one name for both"),
        ("positive: overflows", "positive: overflows, threshold: 1.5", "threshold"),
        ("    horizon: 6h\n", "", "horizon"),
        ("default: nan", "default: guess", "missing"),
        ("default: nan", "default: .inf", "a default is a finite number"),
        ("default: nan", "defalt: nan", "defalt"),
        ("model: overflow\n  train", "model: other\n  train", "'other' is no model"),
        ("train_at: 2024-03-01", "train_at: 2024-03-05", "score_at"),
        ("[2024-03-02T06:00:00Z, 2024-03-03]", "[2024-03-03, 2024-03-02]", "score_at"),
        ("[2024-03-02T06:00:00Z, 2024-03-03]", "[]", "score_at"),
        ("horizon: 6h", "horizon: 6h\n    seed: -1", "seed"),
        ("horizon: 6h", "horizon: 6h\n    split: {gap: soon}", "split.gap"),
        ("models:", "models: [", "is not YAML"),
        ("  overflow:", "  ../overflow:", "models.../overflow: is no name for a model"),
        ("  overflow:", '  "it\'s":', "is no name for a model"),
        ("  overflow:", "  a/b:", "is no name for a model"),
        ("train_at: 2024-03-01", "train_at: 2024-02-30", "is not YAML (day is out of range for month)"),
        ("horizon: 6h", "horizon: 6h\n    task: clustering", "clustering"),
        ("horizon: 6h", "horizon: 6h\n    task: multiclass", "classes: must be two names or more"),
        ("horizon: 6h", "horizon: 6h\n    task: multiclass\n    classes: [a, a]", "all different"),
        ("horizon: 6h", "horizon: 6h\n    task: multiclass\n    classes: [a, b]", "decision: is not for a multiclass"),
        ("horizon: 6h", "horizon: 6h\n    classes: [a, b]", "classes: is not for a binary model"),
        ("horizon: 6h", "horizon: 6h\n    task: regression\n    classes: [a, b]", "is not for a regression model"),
        ("horizon: 6h", "horizon: 6h\n    targets: {r2: 0.5}", "targets.r2: is not measured of a binary model"),
        ("horizon: 6h", "horizon: 6h\n    evaluation: {segments: [a, a]}", "names a column twice"),
        ("horizon: 6h", "horizon: 6h\n    evaluation: {threshold: {}}", "threshold: states no wish"),
        ("horizon: 6h", "horizon: 6h\n    evaluation: {threshold: {recall: 1.5}}", "threshold.recall: is no share"),
        (
            "horizon: 6h",
            "horizon: 6h\n    evaluation: {threshold: {cost: {false_positive: 1, false_negative: 0}}}",
            "costs nothing",
        ),
        ("horizon: 6h", "horizon: 6h\n    fairness: {columns: ['flow:last_seen']}", "flow:last_seen is an input"),
        ("horizon: 6h", "horizon: 6h\n    fairness: {max_gap: 0.1}", "bounds nothing"),
        ("horizon: 6h", "horizon: 6h\n    card: {summary: short}", "summary"),
        ("horizon: 6h", "horizon: 6h\n    split: {test_share: 0.2}", "test_share: is for a dataset"),
        ("horizon: 6h", "dataset: {url: a.csv}", "horizon: is missing"),
        ("horizon: 6h", "dataset: {url: a.csv}\n    horizon: 6h\n    labels: mine.sql", "labels: stands beside"),
        ("horizon: 6h", "dataset: {url: a.csv}\n    split: {test_share: 0.7}", "between 0 and a half"),
        ("horizon: 6h", "dataset: {url: a.csv}\n    split: {test_share: 0.2, gap: 1d}", "test_share: stands beside"),
        ("horizon: 6h", "dataset: {query: SELECT 1}\n    horizon: 6h", "url"),
    ],
)
def test_a_wrong_model_file_is_refused_by_name_and_place(domain: SmallDomain, old: str, new: str, says: str) -> None:
    """Unknown keys, missing keys and values out of range name the file and the key."""
    domain.replace("model.yaml", old, new)
    with pytest.raises(DomainError, match=r"model\.yaml") as refused:
        load_domain(domain.repo)
    assert says in str(refused.value)


def test_a_model_is_asked_for_by_name_where_there_are_several(domain: SmallDomain) -> None:
    """Without a name only an only model is meant."""
    text = (domain.repo / "model.yaml").read_text()
    head, tail = text.split("demo:")
    second = head.removeprefix("models:\n").replace("  overflow:\n", "  second:\n", 1)
    (domain.repo / "model.yaml").write_text(head + second + "demo:" + tail)
    loaded = load_domain(domain.repo)
    assert loaded.model("second")[0] == "second"
    for asked in (None, "third"):
        with pytest.raises(DomainError, match="name one of"):
            loaded.model(asked)


def test_a_model_of_a_dataset_needs_no_labels_and_without_instants_no_horizon(domain: SmallDomain) -> None:
    """A share of the rows is a share of the places that they are drawn for."""
    domain.replace("model.yaml", "horizon: 6h", "dataset: {url: a.csv}\n    split: {test_share: 0.2}")
    _, model = load_domain(domain.repo).model(None)
    assert model.dataset == DatasetSpec(url="a.csv")
    assert (model.timed, model.horizon_us, model.gap_us, model.test_span_us) == (False, 0, 0, 200_000)


def test_a_domain_may_show_nothing(domain: SmallDomain) -> None:
    """Without a demo it is trained and served; whoever asks for the demo is told."""
    text = (domain.repo / "model.yaml").read_text()
    (domain.repo / "model.yaml").write_text(text.split("demo:")[0])
    with pytest.raises(DomainError, match="says nothing under demo"):
        assert load_domain(domain.repo).demo


def test_labels_that_never_look_at_the_lake_end_are_refused(domain: SmallDomain) -> None:
    """A label whose horizon passes the lake's end would be a guess."""
    domain.replace("labels.sql", "$lake_end", "now()")
    with pytest.raises(DomainError, match="never names"):
        load_domain(domain.repo).labels_sql("overflow")
    (domain.repo / "labels.sql").unlink()
    with pytest.raises(DomainError, match="is missing"):
        load_domain(domain.repo).labels_sql("overflow")


@pytest.mark.parametrize("name", ["feature_store.yaml", "model.yaml", "labels.sql"])
def test_a_file_that_is_no_text_is_refused_with_its_name(domain: SmallDomain, name: str) -> None:
    """Written by an editor that knows another encoding, or no file at all."""
    path = domain.repo / name
    text = path.read_text()
    path.write_bytes(f"{text}\n# café".encode("latin-1"))
    with pytest.raises(DomainError, match=rf"{name}: is not UTF-8 .*; save it as UTF-8"):
        load_domain(domain.repo).labels_sql("overflow")
    path.unlink()
    path.mkdir()
    with pytest.raises(DomainError, match=rf"{name}: (cannot be read|is missing)"):
        load_domain(domain.repo).labels_sql("overflow")


@pytest.mark.parametrize("project", ["Parcels", "9lives", "a-b", "''", "null"])
def test_a_project_name_is_plain(domain: SmallDomain, project: str) -> None:
    """It stands in store keys, consumer groups and folders."""
    domain.replace("feature_store.yaml", "project: parcels", f"project: {project}")
    with pytest.raises(DomainError, match="project"):
        project_name(domain.repo)


def test_a_folder_that_is_no_domain_is_refused_with_advice(tmp_path: Path) -> None:
    """The message says how to name or make a domain."""
    with pytest.raises(DomainError, match="--repo"):
        project_name(tmp_path)
    with pytest.raises(DomainError, match=r"model\.yaml"):
        load_domain(tmp_path)
