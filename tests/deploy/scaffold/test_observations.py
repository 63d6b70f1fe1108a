"""A domain from a file of observations: what a request brings is what a model is given, and it can be trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_wine

from deploy.design import differences, read_design
from deploy.scaffold import Answers, Made, scaffold
from deploy.scaffold.documents import CHARTER
from features.compiler import apply_domain, compile_plan
from features.domain import Domain, load_domain
from features.errors import DomainError
from features.plan import Plan
from features.plan_shelf import put_on_shelf
from features.settings import Settings
from offline_training.training import train
from offline_training.training_set import training_set

KINDS = {0: "red", 1: "white", 2: "rosé"}


def wines() -> pd.DataFrame:
    """One row a wine: what was measured of it, where it is from, whether it is sold, which it is."""
    frame = load_wine(as_frame=True).frame
    frame["grown in"] = ["north", "it's east", "south"] * 59 + [None]
    frame["sold"] = frame["proline"] > frame["proline"].median()
    frame["kind"] = frame.pop("target").map(KINDS)
    frame["lot id"] = range(len(frame))
    frame["words"] = [f"bottle {number}" for number in range(len(frame))]
    return frame


def begin(folder: Path, suffix: str = ".csv", **said: str) -> tuple[Made, Plan, Domain]:
    """A domain from the wines."""
    file = folder / f"wines{suffix}"
    if suffix == ".csv":
        wines().to_csv(file, index=False)
    else:
        wines().to_parquet(file)
    made = scaffold(folder / "cellar", Answers(dataset_source=str(file), **said), "human")
    return made, compile_plan(folder / "cellar"), load_domain(folder / "cellar")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_a_request_brings_is_what_a_model_is_given(suffix: str, tmp_path: Path) -> None:
    """Numbers and truths as they are, few names as numbers that stand for them; an id and free text are left out."""
    made, plan, domain = begin(tmp_path, suffix, target="kind")
    assert made.notes == ("no inputs of this kind of model: lot id, words",)
    spec = domain.models["kind"]
    assert (spec.task, spec.classes, spec.timed) == ("multiclass", ("red", "rosé", "white"), False)
    assert (plan.sources, plan.views) == ((), ())
    data = training_set(settings_of(tmp_path, plan), plan, domain, "kind", knowledge="as_true")
    values = dict(zip(data.names, data.rows.T, strict=True))
    assert len(values) == 13 + 2
    codes = values["row:grown_in_code"]
    assert [int((codes == code).sum()) for code in range(3)] == [59, 59, 59]
    frame = wines()
    assert sorted(values["row:alcohol"]) == sorted(frame["alcohol"])
    assert values["row:sold_is_true"].sum() == frame["sold"].sum()
    assert "not said yet" in (tmp_path / "cellar" / CHARTER).read_text().lower()
    assert differences(read_design(tmp_path / "cellar"), plan, domain) == []


@pytest.mark.parametrize(
    ("said", "task", "decision"),
    [
        ({"target": "sold"}, "binary", ("sold", "no_sold")),
        ({"target": "alcohol", "model_type": "regression"}, "regression", None),
    ],
)
def test_what_is_asked_for_is_predicted(
    said: dict[str, str], task: str, decision: tuple[str, str] | None, tmp_path: Path
) -> None:
    """A truth, or a number; the label is no input."""
    made, plan, domain = begin(tmp_path, **said)
    spec = domain.models[said["target"]]
    assert (spec.task, made.model.decision) == (task, decision)
    assert f"row:{said['target']}" not in plan.service(spec.service).feature_names


def test_columns_may_be_called_what_python_and_yaml_have_for_their_own(tmp_path: Path) -> None:
    """Capitals, a module, a builtin, a truth of YAML; of 0 and 1 the label is whether it is 1, however common."""
    kinds = ["a", "b", "b"] * 40
    frame = pd.DataFrame({"GENDER": kinds, "math": kinds, "UNKNOWN": kinds, "float": [kind == "a" for kind in kinds]})
    frame["off"] = range(0, 240, 2)
    frame["Yes"] = [int(kind == "b") for kind in kinds]
    file = tmp_path / "people.csv"
    frame.to_csv(file, index=False)
    scaffold(tmp_path / "cellar", Answers(dataset_source=str(file), target="Yes"), "human")
    plan, domain = compile_plan(tmp_path / "cellar"), load_domain(tmp_path / "cellar")
    name, spec = domain.model(None)
    assert spec.decision is not None
    assert (name, spec.decision.positive, spec.decision.negative) == ("yes_sent", "1", "0")
    data = training_set(settings_of(tmp_path, plan), plan, domain, name, knowledge="as_true")
    values = dict(zip(data.names, data.rows.T, strict=True))
    for column in ("GENDER_code", "math_code", "UNKNOWN_code"):
        assert (values[f"row:{column}"] == data.labels).all()
    assert (values["row:float_is_true"] == 1.0 - data.labels).all()
    assert sorted(values["row:off_sent"]) == sorted(frame["off"])


def test_classes_may_be_called_what_sql_has_for_its_own(tmp_path: Path) -> None:
    """Quotes, a backslash; the simplest ranking is by the number that goes with them most."""
    frame = wines()
    frame["kind"] = frame["kind"].map({"red": "it's", "white": 'a "b"', "rosé": "c\\d"})
    frame.to_parquet(tmp_path / "wines.parquet")
    answers = Answers(dataset_source=str(tmp_path / "wines.parquet"), target="kind")
    made = scaffold(tmp_path / "cellar", answers, "human")
    assert made.model.classes == ('a "b"', "c\\d", "it's")
    order = frame["kind"].map(made.model.classes.index)
    numbers = frame.drop(columns=["lot id"]).select_dtypes("number")
    assert made.model.baseline == f"row:{numbers.corrwith(order).abs().idxmax()}"


@pytest.mark.parametrize("options", [{"sep": ";"}, {"header": False}])
def test_a_csv_that_a_training_would_read_otherwise_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    """Before anything is made of it."""
    file = tmp_path / "wines.csv"
    wines().to_csv(file, index=False, **options)
    with pytest.raises(DomainError, match="is no CSV with commas"):
        scaffold(tmp_path / "cellar", Answers(dataset_source=str(file), model_type="clustering"), "human")


def test_observations_may_stay_elsewhere(tmp_path: Path) -> None:
    """By the URL that the domain has then, in which a secret is a placeholder; events may not."""
    file = tmp_path / "some wines.csv"
    wines().to_csv(file, index=False)
    url = file.as_uri()
    scaffold(tmp_path / "cellar", Answers(dataset_source=url, target="kind"), "human")
    plan, domain = compile_plan(tmp_path / "cellar"), load_domain(tmp_path / "cellar")
    spec = domain.models["kind"]
    assert spec.dataset is not None
    assert spec.dataset.url == url
    data = training_set(settings_of(tmp_path, plan), plan, domain, "kind", knowledge="as_true")
    assert len(data.rows) == len(wines())
    wines().assign(at=pd.Timestamp("2024-01-01")).to_parquet(tmp_path / "sold.parquet")
    for said, problem in (
        (Answers(dataset_source=url), "wines.csv: has no instants"),
        (Answers(dataset_source=(tmp_path / "sold.parquet").as_uri()), "sold.parquet: holds events"),
        (Answers(dataset_source=f"{url}.none"), "is not there"),
        (Answers(dataset_source="s3://key:secret@bucket/wines.csv"), "holds a password"),
    ):
        with pytest.raises(DomainError, match=problem):
            scaffold(tmp_path / "other", said)


@pytest.mark.parametrize("called", ["words", "len", "float", "math"])
def test_texts_are_told_apart_by_their_words(called: str, tmp_path: Path) -> None:
    """Those of the column with most different texts, whatever it is called; the label is no input."""
    file = tmp_path / "wines.csv"
    wines().rename(columns={"words": called}).to_csv(file, index=False)
    made = scaffold(tmp_path / "cellar", Answers(dataset_source=str(file), target="kind", model_type="nlp"), "human")
    plan, domain = compile_plan(tmp_path / "cellar"), load_domain(tmp_path / "cellar")
    data = training_set(settings_of(tmp_path, plan), plan, domain, "kind", knowledge="as_true")
    values = dict(zip(data.names, data.rows.T, strict=True))
    assert set(values["row:n_words"]) == {2.0}
    assert len(set(values["row:word_0"])) == 1
    assert len(set(values["row:word_1"])) == len(data.rows)
    assert called not in made.notes[0]


EXAMPLES = {
    "clustering": (150, 4, "clustering"),
    "nlp": (1_000, 49, "multiclass"),
    "computer_vision": (1_797, 64, "multiclass"),
}


@pytest.mark.parametrize("model_type", EXAMPLES)
def test_each_kind_of_model_has_an_example_that_an_installed_package_ships(model_type: str, tmp_path: Path) -> None:
    """It compiles, its table is there and can be made anew, and its documents are true."""
    folder = tmp_path / "cellar"
    made = scaffold(folder, Answers(model_type=model_type), "human")
    assert sorted(set(folder.rglob("*.*")) - set(made.files)) == list(folder.glob("data/*.parquet"))
    plan, domain = compile_plan(folder), load_domain(folder)
    least_rows, inputs, task = EXAMPLES[model_type]
    name, spec = domain.model(None)
    assert (spec.task, len(plan.service(spec.service).features)) == (task, inputs)
    assert differences(read_design(folder), plan, domain) == []
    (table,) = folder.glob("data/*.parquet")
    before = pq.read_table(table)
    table.unlink()
    subprocess.run([sys.executable, str(folder / "data" / "make.py")], check=True)
    assert pq.read_table(table).equals(before)
    data = training_set(settings_of(tmp_path, plan), plan, domain, name, knowledge="as_true")
    assert len(data.rows) >= least_rows


@pytest.mark.parametrize("model_type", ["classification", "nlp"])
def test_feast_takes_it(model_type: str, tmp_path: Path) -> None:
    """Its registry infers types by calling the functions with a text that no table had."""
    begin(tmp_path, target="kind", model_type=model_type)
    plan = apply_domain(tmp_path / "cellar", tmp_path / "var", Settings().store)
    assert plan.services


def test_it_is_trained_without_anything_running_and_waits_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file to a version that passes its checks."""
    monkeypatch.chdir(tmp_path)  # where MLflow puts artefacts of a registry without a server
    made, plan, domain = begin(tmp_path, target="kind")
    settings, uri = settings_of(tmp_path, plan), f"sqlite:///{tmp_path / 'mlflow.db'}"
    report = train(settings, plan, domain, registry_uri=uri, quick=True)
    assert (report.model, report.stage) == (made.model.name, "pending_review")
    assert all(target.met for target in report.targets)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({}, "its rows are no events: what is the label.*say --target of alcohol, malic_acid"),
        ({"target": "kind", "horizon": "3d"}, "--horizon: is of events"),
        ({"target": "kind", "model_type": "nlp", "entity": "lot id"}, "--entity: is of events"),
        ({"target": "alcohol"}, "it names no classes"),
        ({"target": "words", "model_type": "regression"}, "is no number"),
        ({"target": "colour"}, "has no column colour"),
        ({"target": "kind", "model_type": "clustering"}, "--target: is not for clustering"),
        ({"target": "kind", "model_type": "computer_vision"}, "has no column of lists of numbers"),
        ({"model_type": "nlp"}, "what is the label"),
    ],
)
def test_a_table_that_does_not_say_what_to_predict_is_refused(
    said: dict[str, str], problem: str, tmp_path: Path
) -> None:
    """With what to say."""
    with pytest.raises(DomainError, match=problem):
        begin(tmp_path, **said)


def settings_of(folder: Path, plan: Plan) -> Settings:
    """State of the domain, with its plan applied."""
    settings = Settings(repo=folder / "cellar", var=folder / "var")
    transforms: Any = (folder / "cellar" / "transforms.py").read_bytes()
    put_on_shelf(plan, transforms, settings.state_dir("cellar"))
    return settings
