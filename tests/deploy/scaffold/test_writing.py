"""Making a new domain's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from deploy.design import differences, read_design
from deploy.scaffold import Answers, scaffold
from deploy.scaffold.documents import CHARTER, DOCUMENTS
from deploy.scaffold.outcomes import measure_outcomes
from features.compiler import compile_plan
from features.domain import load_domain
from features.errors import DomainError

ROOT = Path(__file__).resolve().parents[3]


def test_a_scaffolded_domain_compiles_under_its_folders_name(tmp_path: Path) -> None:
    """It runs unchanged, and two scaffolds do not share a project."""
    folder = tmp_path / "My Shop-2"
    made = scaffold(folder)
    assert sorted(made.files) == sorted(path for path in folder.rglob("*") if path.is_file())
    assert compile_plan(folder).project == load_domain(folder).project == "my_shop_2"
    assert load_domain(folder).models["churn"].approval == "policy"


@pytest.mark.parametrize("model_type", ["classification", "regression"])
def test_answers_are_where_they_belong(model_type: str, tmp_path: Path) -> None:
    """In model.yaml, from which the documents say them; people approve; the design is true."""
    answers = Answers("Ring whom we\nmight: lose", model_type, deployment_type="batch")
    made = scaffold(tmp_path / "shop", answers, "human")
    plan, domain = compile_plan(tmp_path / "shop"), load_domain(tmp_path / "shop")
    spec = domain.models[made.model.name]
    assert (spec.approval, spec.approvers, spec.service) == ("human", (), made.model.name)
    assert spec.task == {"classification": "binary", "regression": "regression"}[model_type]
    assert spec.targets == ({"accuracy": 0.9} if model_type == "classification" else {})
    assert spec.card.intended_use == "Ring whom we might: lose"
    texts = {name: (tmp_path / "shop" / name).read_text() for name in DOCUMENTS}
    assert "Ring whom we might: lose" in texts[CHARTER]
    assert "`ScoreBatch` of the same scorer" in texts[CHARTER]
    assert "nobody is named yet" in texts[CHARTER]
    design = read_design(tmp_path / "shop")
    assert (design.deployment, design.slos.score_p99_ms) == ("batch", None)
    assert differences(design, plan, domain) == []


@pytest.mark.parametrize("model_type", ["classification", "regression"])
def test_its_made_up_data_fit_the_declarations_and_the_labels(model_type: str, tmp_path: Path) -> None:
    """The history has the declared columns in time order, outcomes differ at the demo's instants as the checks ask."""
    folder = tmp_path / "shop"
    made = scaffold(folder, Answers(model_type=model_type))
    domain, plan = load_domain(folder), compile_plan(folder)
    subprocess.run([sys.executable, str(folder / "data" / "make.py")], check=True)
    for source in plan.sources:
        table = pq.read_table(domain.data_file(source.topic))
        assert table.column_names == [column.name for column in source.columns]
        times = table.column(source.timestamp_column).to_numpy()
        assert (times[1:] >= times[:-1]).all()
    (source,) = plan.sources
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        file = str(domain.data_file(source.topic))
        connection.execute(f"CREATE VIEW {source.topic} AS SELECT * FROM '{file}'")
        newest = f"SELECT epoch_us(max({source.timestamp_column})) FROM {source.topic}"
        (end,) = connection.execute(newest).fetchall()[0]
        found = measure_outcomes(connection, domain.labels_sql(made.model.name), end, of=made.model.task)
        assert (found.least, found.why) == (made.model.least, made.model.why)
        at = connection.execute("SELECT event_timestamp FROM observations GROUP BY 1 HAVING count(DISTINCT label) > 1")
        assert set(domain.demo.score_at) <= {instant for (instant,) in at.fetchall()}


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """Nobody's files are overwritten."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DomainError, match="not an empty folder"):
        scaffold(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_names_no_project_is_refused(tmp_path: Path) -> None:
    """The project's name stands in keys and topics, so it is never made up."""
    with pytest.raises(DomainError, match="Latin letters"):
        scaffold(tmp_path / "2024")
    assert not (tmp_path / "2024").exists()


def test_an_installed_wheel_scaffolds_the_same_files(tmp_path: Path) -> None:
    """The default domain's declarations and documents are in the wheel, its data and the tests are not."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
        else:
            (source / name).write_text("")
    rooms = ("features", "deploy", "feature_repo", "tests")
    for room in rooms:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__", "registry.db"))
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", build, str(tmp_path)], cwd=source, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert not [name for name in names if name.startswith(("tests/", "feature_repo/data/"))]
    assert {f"feature_repo/{name}" for name in DOCUMENTS} <= set(names)
    code = "import sys, pathlib, deploy.scaffold as s; s.scaffold(pathlib.Path(sys.argv[1])); print(s.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path / "there" / "shop")],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(ran.stdout.strip()).is_relative_to(tmp_path / "site")
    scaffold(tmp_path / "here" / "shop")
    here, there = (
        {
            path.relative_to(tmp_path / side): path.read_bytes()
            for path in (tmp_path / side).rglob("*")
            if path.is_file()
        }
        for side in ("here", "there")
    )
    assert here == there
    assert here
