"""A domain without events and without a lake: from a table by URL to scores that are proven."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow.parquet as pq
import pytest

from deploy.servers import MlflowServer
from features.bundle import MODEL_CARD, Bundle, read_bundle
from features.compiler import compile_plan
from features.decode import Decoder
from features.errors import DomainError, RequestError
from features.judge import judge_of
from features.lake import LakeBatch, open_lake, open_site_lake
from features.nouns import SCORES_SOURCE
from features.plan_shelf import compiled_at, functions_of
from features.verify import verify
from grpc_api.client_errors import CallRefusedError
from grpc_api.mlflow_registry import MlflowRegistry
from grpc_api.served_model import Declarations
from offline_training.comparison import Scope, compare
from offline_training.exploration import explore
from offline_training.report import TrainingReport
from offline_training.training import train
from offline_training.training_set import open_training_set, training_set
from offline_training.validation import write_inferred
from tests.grpc_api.shop import open_shop, point_at
from tests.offline_training.plain_domain import PlainDomain, flowers, plain_domain

if TYPE_CHECKING:
    from distributed import Client

pytestmark = pytest.mark.servers

LOG = "AAAAAAAAQACAAAAAAAAAAQ"


class Trained(NamedTuple):
    """One training, and its bundle as model sync downloads it."""

    plain: PlainDomain
    report: TrainingReport
    bundle: Bundle


@pytest.fixture(scope="module")
def trained(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("plain")
    plain = plain_domain(folder, evaluation={"segments": ["garden"]}, split={"test_share": 0.3})
    pq.write_table(flowers(), plain.domain.repo / "data" / "flowers.parquet")
    report = train(plain.settings, plain.plan, plain.domain, registry_uri=mlflow_server.uri, quick=True)
    (folder / "download").mkdir()
    path = MlflowRegistry(mlflow_server.uri).download("species", report.version, folder / "download")
    yield Trained(plain, report, read_bundle(path))
    assert not Path(plain.settings.lake_url("irises")).exists(), "nothing asked for a lake"


def test_a_table_becomes_a_champion(trained: Trained) -> None:
    """What is told of it has no dates, and names the dataset and its rows."""
    report, window = trained.report, trained.bundle.manifest.window
    assert report.promoted
    assert report.test.rank > 0.95
    assert (report.first_at, report.last_at, report.test_at, window.first_at, window.last_at) == (None,) * 5
    assert "trained on 98 observations, tested on 52 others, drawn by lot" in "\n".join(report.lines())
    card = trained.bundle.file(MODEL_CARD).read_text()
    assert "dataset `data/flowers.parquet`, 150 rows" in card
    assert "Nothing of the lake went into it." in card
    assert "1970" not in card
    lineage = msgspec.json.decode(Path(report.reports, "evaluation.json").read_bytes())["lineage"]
    assert lineage["positions"] == []
    assert (lineage["dataset"]["url"], lineage["dataset"]["rows"]) == ("data/flowers.parquet", 150)
    pages = {path.name: path.read_text() for path in Path(report.reports).glob("*.html")}
    assert {"data_quality.html", "model_card.html"} <= pages.keys()
    assert not [name for name, page in pages.items() if "1970" in page]


def test_it_is_explored_without_dates(trained: Trained, tmp_path: Path) -> None:
    """Rows are of one period, which is all of them."""
    plain, _, _ = trained
    data = training_set(plain.settings, plain.plan, plain.domain, "species", knowledge="as_true")
    explored = explore("species", plain.domain.models["species"], data, tmp_path)
    assert {shift.period for shift in explored.shifts} == {"all rows"}
    page = (tmp_path / "eda_report.html").read_text()
    assert "150 observations, 6 features" in page
    assert "1970" not in page
    assert page.count("Observations have no instants.") == 2


def test_its_scores_are_proven_without_any_event(trained: Trained, tmp_path: Path) -> None:
    """A flower as the caller sends it: numbers as they are, a text through its function, what is missing noted."""
    plain, digest = trained.plain, trained.bundle.digest
    state_dir = tmp_path / "irises"
    shutil.copytree(plain.settings.state_dir("irises") / "plans", state_dir / "plans")
    shutil.copytree(trained.bundle.path, state_dir / "models" / "species" / "1")
    point_at(state_dir / "models", "species", "1", digest)
    plan_hash = plain.plan.hash
    functions = functions_of(plain.plan, state_dir)
    declared = Declarations(plain.plan, compiled_at(state_dir, plan_hash), functions)
    request = {"measures_0": 5.1, "measures_1": 3.5, "measures_2": 1.4, "measures_3": 0.2}
    with open_shop(state_dir / "models", declared=(declared,)) as (shop, client):
        found = client.score({}, model="species", request={**request, "note": "wide"})
        assert (found.decision, found.notes) == ("setosa", ())
        bare = client.score({}, model="species", request=request)
        assert [(note.feature, note.reason) for note in bare.notes] == [("seen:note_letters", "not_supplied")]
        with pytest.raises(CallRefusedError, match="is not a join key; the join keys are none"):
            client.score({"user": "ann"}, model="species", request=request)
    records = shop.records.records
    assert [record.views for record in records] == [(), ()]
    lake = open_lake(str(tmp_path / "lake"))
    values = [msgspec.json.encode(record) for record in records]
    kafka_us = [int(records[-1].scored_at.timestamp() * 1e6)] * len(values)
    decoded = Decoder(SCORES_SOURCE).decode(values, kafka_us)
    lake.append(SCORES_SOURCE, LOG, 0, LakeBatch(len(values), range(len(values)), kafka_us, values, decoded))
    proven = verify(lake, judge_of(plain.plan, plain.domain.models, state_dir))
    assert (proven.checked, proven.mismatched) == (2, 0)


def test_what_asks_for_instants_or_views_is_refused(trained: Trained, dask_cluster: Client) -> None:
    """There is nothing to join outcomes by, and nothing to compute on a cluster."""
    plain, _, _ = trained
    settings, plan, domain = plain.settings, plain.plan, plain.domain
    with pytest.raises(DomainError, match="no instant"):
        compare(open_site_lake(settings, "irises"), plan, domain, "species", {}, Scope(within_us=1))
    with (
        pytest.raises(RequestError, match="--engine: species has no view"),
        open_training_set(settings, plan, domain, "species", knowledge="as_true", cluster=dask_cluster),
    ):
        pass


def test_a_suite_is_inferred_of_it(trained: Trained) -> None:
    """Of the columns that there are."""
    plain, _, _ = trained
    data = training_set(plain.settings, plain.plan, plain.domain, "species", knowledge="as_known")
    written = write_inferred(plain.domain, "species", data, refresh=False)
    assert written.suite.required_columns == (*data.names, "label")
    written.path.unlink()


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("transforms.py", "def note_letters", "def note_words", "cannot import name 'note_letters'"),
        (
            "definitions.py",
            'for name in LENGTHS],\n    mode="python",\n    udf=as_measured',
            'for name in [*LENGTHS, "note"]],\n    mode="python",\n    udf=as_measured',
            "feature note: has no function of its name in transforms.py, and is no number that a request supplies",
        ),
        ("definitions.py", "{name: inputs[name] for", "{name: [0.0 for _ in inputs[name]] for", "is 0.0 in Feast and"),
    ],
)
def test_a_domain_that_does_not_hold_together_is_refused(
    tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    """Pass-through features are held against Feast's own as computed ones are."""
    path = plain_domain(tmp_path).domain.repo / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DomainError, match=problem):
        compile_plan(path.parent)
