"""Model sync against a registry that is a folder; and against MLflow itself."""

from __future__ import annotations

import shutil
import traceback
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from deploy.servers import MlflowServer
from features.approval.rules import Rules
from features.bundle import MODEL, read_bundle
from features.errors import RegistryUnavailableError, SettingsError
from features.plan import Plan
from features.routing import CHALLENGER, CHAMPION, SHADOW, Arm, Routing
from grpc_api.domain_intake import domain_intake
from grpc_api.file_intake import RETRY_S
from grpc_api.mlflow_registry import Listing, MlflowRegistry, Registered
from grpc_api.model_sync import ModelSync
from grpc_api.pointer import pointer_file, read_pointer, read_routing, routing_file
from grpc_api.sync_status import STATUS_FILE, SyncCollector, SyncStatus, read_status
from tests.grpc_api.shop import DECLARATIONS, PLAN, POLICY_SPEC, open_shop, write_bundle
from tests.waiting import wait_until

POLICY = Rules("shop", "buys", POLICY_SPEC, {})
DOWN = RegistryUnavailableError("registry", "is down")


class FolderRegistry:
    """Versions in a folder; ``down`` makes every call fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.down = False
        self.arms: dict[Arm, Registered] = {}
        self.routing = ""
        self.downloads = 0

    def register(self, version: str, digest: str | None = None, arm: Arm = CHAMPION, **bundle: Any) -> Path:
        """Add a version and let it serve as an arm."""
        written = write_bundle(self.folder / version, **bundle)
        stage = "production" if arm == CHAMPION else "approved"
        self.arms[arm] = Registered(version, written.digest if digest is None else digest, stage)
        return written.path

    def look(self, model: str) -> Listing | None:
        """See `Registry`."""
        if self.down:
            raise DOWN
        return Listing(dict(self.arms), self.routing)

    def download(self, model: str, version: str, folder: Path) -> Path:
        """See `Registry`."""
        if self.down:
            raise DOWN
        self.downloads += 1
        return Path(shutil.copytree(self.folder / version, folder / "bundle"))


class Bench:
    """A model sync with its registry, its folder and its clock."""

    def __init__(self, folder: Path) -> None:
        self.registry = FolderRegistry(folder / "registry")
        self.models = folder / "models"
        self.now_s = 0.0
        self.rules = POLICY
        self.begin_anew()

    def begin_anew(self) -> None:
        """As after its process has ended."""
        self.sync = ModelSync(
            registry=self.registry,
            models=["buys"],
            folder=self.models,
            declared=lambda: (DECLARATIONS,),
            rules=lambda _model: self.rules,
            now_s=lambda: self.now_s,
        )

    @property
    def version(self) -> str | None:
        """What the champion's pointer says."""
        return self.version_of(CHAMPION)

    @property
    def routing(self) -> Routing | None:
        """What the scorers follow."""
        return read_routing(routing_file(self.models, "buys"))

    def version_of(self, arm: Arm) -> str | None:
        """What an arm's pointer says."""
        pointer = read_pointer(pointer_file(self.models, "buys", arm))
        return None if pointer is None else pointer.version

    @property
    def status(self) -> SyncStatus | None:
        """What it tells of itself."""
        return read_status(self.models / "buys" / STATUS_FILE)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Nothing is registered yet."""
    return Bench(tmp_path)


def test_a_champion_is_pointed_at_once_it_is_proven(bench: Bench) -> None:
    """And downloaded once, however often the registry is asked."""
    bench.sync.look()
    before = bench.version
    bench.registry.register("1")
    for _ in range(3):
        bench.sync.look()

    assert (before, bench.version) == (None, "1")
    assert bench.registry.downloads == 1
    assert [path.name for path in (bench.models / "buys").iterdir() if path.name.startswith(".")] == []


def other_declarations() -> Plan:
    """The plan with another declaration of the view."""
    return msgspec.structs.replace(
        PLAN, views=tuple(msgspec.structs.replace(view, hash="f" * 16) for view in PLAN.views)
    )


@pytest.mark.faults
@pytest.mark.parametrize(
    ("problem", "bundle"),
    [
        ("golden row 0", {"golden_error": 1e-12}),
        ("made for view spend", {"plan": other_declarations()}),
        ("its pointer says", {"digest": "0" * 64}),
        ("holds no digest", {"digest": ""}),
        ("is one of model sells", {"model": "sells"}),
        ("accuracy NOT passed", {"accuracy": 0.2}),
    ],
)
def test_what_does_not_prove_itself_is_refused(bench: Bench, problem: str, bundle: dict[str, Any]) -> None:
    """The version before goes on serving; the refusal is counted and its reason written down."""
    bench.registry.register("1")
    bench.sync.look()
    bench.registry.register("2", **bundle)
    bench.sync.look()
    bench.sync.look()

    assert bench.version == "1"
    assert bench.status is not None
    assert bench.status.refused == 1
    assert problem in bench.status.last_refusal


@pytest.mark.parametrize("name", ["model.onnx", "golden.parquet", "manifest.json"])
def test_a_damaged_file_is_refused(bench: Bench, name: str) -> None:
    """Whichever it is."""
    path = bench.registry.register("1") / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    bench.sync.look()

    assert bench.version is None
    assert bench.status is not None
    assert bench.status.refused == 1


def test_a_refused_version_is_tried_again_later(bench: Bench) -> None:
    """The fault may have been in the download."""
    path = bench.registry.register("1") / "model.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    bench.sync.look()
    path.write_bytes(whole)
    bench.now_s = RETRY_S - 1
    bench.sync.look()
    assert bench.version is None
    bench.now_s = RETRY_S
    bench.sync.look()

    assert bench.version == "1"


@pytest.mark.faults
def test_a_registry_that_is_down_changes_nothing(bench: Bench) -> None:
    """And is said to be down, until it is up again."""
    bench.registry.register("1")
    bench.sync.look()
    bench.registry.register("2")
    bench.registry.down = True
    bench.sync.look()
    assert (bench.version, bench.status and bench.status.registry_up) == ("1", False)
    bench.registry.down = False
    bench.sync.look()

    assert (bench.version, bench.status and bench.status.registry_up) == ("2", True)


def test_a_rollback_needs_no_second_download(bench: Bench) -> None:
    """Unless the copy that is here no longer proves itself."""
    bench.registry.register("1")
    first = bench.registry.arms[CHAMPION]
    bench.sync.look()
    bench.registry.register("2", bias=1.0)
    bench.sync.look()
    bench.registry.arms[CHAMPION] = first
    bench.sync.look()

    assert (bench.version, bench.registry.downloads) == ("1", 2)


@pytest.mark.faults
def test_a_bundle_that_was_lost_here_is_fetched_again(bench: Bench) -> None:
    """Somebody tidied up while model sync runs, or files were lost with the machine's power and it begins anew."""
    bench.registry.register("1")
    bench.sync.look()
    pointer = read_pointer(pointer_file(bench.models, "buys"))
    assert pointer is not None
    folder = pointer.bundle_path(pointer_file(bench.models, "buys"))
    shutil.rmtree(folder)
    bench.registry.down = True
    bench.sync.look()
    assert (bench.version, bench.registry.downloads) == ("1", 1)
    bench.registry.down = False
    bench.sync.look()
    assert (read_bundle(folder).digest, bench.registry.downloads) == (pointer.digest, 2)

    (folder / MODEL).write_bytes(b"")
    bench.begin_anew()
    bench.sync.look()
    assert (read_bundle(folder).digest, bench.registry.downloads) == (pointer.digest, 3)
    bench.sync.look()
    assert (bench.registry.downloads, bench.status and bench.status.refused) == (3, 0)


def test_a_model_that_the_domain_names_later_is_followed(tmp_path: Path) -> None:
    """Without a restart; a file that is wrong for a while takes none away."""
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "feature_store.yaml").write_text("project: shop\n")
    registry, models = FolderRegistry(tmp_path / "registry"), tmp_path / "models"
    registry.register("1")
    sync = ModelSync(
        registry=registry, models=(), folder=models, declared=lambda: (DECLARATIONS,), rules=lambda _model: POLICY
    )
    domain = domain_intake(repo, sync.follow)

    def look(named: str) -> str | None:
        (repo / "fresh.yaml").write_text(named)
        (repo / "fresh.yaml").replace(repo / "model.yaml")
        domain.look()
        sync.look()
        pointer = read_pointer(pointer_file(models, "buys"))
        return None if pointer is None else pointer.version

    demo = {"model": "buys", "train_at": "2024-04-01T00:00:00Z", "score_at": ["2024-04-02T00:00:00Z"]}
    named = msgspec.json.encode({"models": {"buys": POLICY_SPEC}, "demo": demo}).decode()
    assert look("models: {") is None
    assert look(named) == "1"
    registry.register("2", bias=1.0)
    assert look("models: {") == "2"


def test_a_registry_made_anew_is_followed(bench: Bench, tmp_path: Path) -> None:
    """It counts versions from 1 again; the digest tells them apart."""
    bench.registry.register("1")
    bench.sync.look()
    before = read_pointer(pointer_file(bench.models, "buys"))
    bench.registry.folder = tmp_path / "anew"
    bench.registry.register("1", bias=1.0)
    bench.sync.look()
    after = read_pointer(pointer_file(bench.models, "buys"))

    assert before is not None
    assert after is not None
    assert (before.version, after.version) == ("1", "1")
    assert before.path != after.path


def test_each_arm_follows_its_alias(bench: Bench) -> None:
    """One that is bad is refused alone; one whose alias goes has no pointer any more; a champion stays."""
    bench.registry.register("1")
    bench.registry.register("2", arm=CHALLENGER, bias=1.0)
    bench.registry.register("3", arm=SHADOW, golden_error=1e-9)
    bench.sync.look()
    assert [bench.version_of(arm) for arm in (CHAMPION, CHALLENGER, SHADOW)] == ["1", "2", None]
    bench.registry.arms.clear()
    bench.sync.look()
    assert [bench.version_of(arm) for arm in (CHAMPION, CHALLENGER, SHADOW)] == ["1", None, None]
    assert bench.status is not None
    assert bench.status.refused == 1


def test_a_challenger_that_is_promoted_is_downloaded_once(bench: Bench) -> None:
    """Its bundle is here, and proves itself again."""
    bench.registry.register("1")
    bench.registry.register("2", arm=CHALLENGER, bias=1.0)
    bench.sync.look()
    bench.registry.arms = {CHAMPION: bench.registry.arms[CHALLENGER]._replace(stage="production")}
    bench.sync.look()

    assert [bench.version_of(arm) for arm in (CHAMPION, CHALLENGER)] == ["2", None]
    assert bench.registry.downloads == 2


def test_routing_is_handed_on(bench: Bench) -> None:
    """What cannot be understood is refused once, and changes nothing."""
    bench.registry.register("1")
    bench.sync.look()
    assert bench.routing is None
    bench.registry.routing = '{"challenger":0.25,"salt":"s"}'
    bench.sync.look()
    for unknown in ('{"challenger":25}', "20%", '{"champion":1}'):
        bench.registry.routing = unknown
        bench.sync.look()
        bench.sync.look()

    assert bench.routing == Routing(challenger=0.25, salt="s")
    assert bench.status is not None
    assert bench.status.refused == 3
    assert "champion" in bench.status.last_refusal


def test_the_scorer_tells_what_sync_refused(bench: Bench) -> None:
    """Prometheus reads it from the scorer, which serves pages already."""
    bench.registry.register("1", golden_error=1e-9)
    bench.sync.look()
    registry = CollectorRegistry()
    registry.register(SyncCollector(bench.models))

    assert registry.get_sample_value("millstream_model_sync_refused_total", {"model": "buys"}) == 1
    assert registry.get_sample_value("millstream_model_sync_registry_up", {"model": "buys"}) == 1


def test_a_champion_reaches_a_running_scorer(bench: Bench) -> None:
    """A bad one does not."""
    bench.registry.register("1")
    bench.sync.look()
    with open_shop(bench.models) as (_, client):
        assert client.score({"buyer": "ann"}).version == "1"
        bench.registry.register("2", golden_error=1e-9)
        bench.sync.look()
        bench.registry.register("3", bias=4.0)
        bench.sync.look()
        served = set[str]()

        def third_serves() -> bool:
            served.add(client.score({"buyer": "ann"}).version)
            return "3" in served

        wait_until(third_serves)
        assert "2" not in served


@pytest.mark.servers
@pytest.mark.slow
def test_the_champion_is_found_in_mlflow(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """By its alias, with its digest, and its files come over HTTP."""
    from mlflow import MlflowClient

    bundle = write_bundle(tmp_path / "bundle", model="grpc_api_sync")
    registry = MlflowRegistry(mlflow_server.uri)
    assert registry.look("grpc_api_sync") is None
    mlflow = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    run = mlflow.create_run(mlflow.create_experiment("grpc_api_sync"))
    mlflow.log_artifacts(run.info.run_id, str(bundle.path), "bundle")
    mlflow.create_registered_model("grpc_api_sync")
    mlflow.create_model_version(
        "grpc_api_sync",
        f"{run.info.artifact_uri}/bundle",
        run.info.run_id,
        tags={"digest": bundle.digest, "approval_status": "production"},
    )
    assert registry.look("grpc_api_sync") == Listing({})
    mlflow.set_registered_model_alias("grpc_api_sync", "champion", "1")
    mlflow.set_registered_model_tag("grpc_api_sync", "routing", '{"shadow":0.5}')
    sync = ModelSync(
        registry=registry,
        models=["grpc_api_sync"],
        folder=tmp_path / "models",
        declared=lambda: (DECLARATIONS,),
        rules=lambda model: POLICY._replace(model=model),
    )
    sync.look()

    pointer = read_pointer(pointer_file(tmp_path / "models", "grpc_api_sync"))
    assert pointer is not None
    assert (pointer.version, pointer.digest) == ("1", bundle.digest)
    assert read_routing(routing_file(tmp_path / "models", "grpc_api_sync")) == Routing(shadow=0.5)


@pytest.mark.slow
def test_a_registry_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """In seconds, not minutes; the log names it without its credentials."""
    registry = MlflowRegistry("http://me:sesame%21@127.0.0.1:1")

    with pytest.raises(RegistryUnavailableError, match=r"registry http://\*\*\*@127.0.0.1:1: ") as unavailable:
        registry.look("buys")
    assert "sesame" not in "".join(traceback.format_exception(unavailable.value))


@pytest.mark.parametrize("uri", ["localhost:5000", "redis://me:sesame@localhost", "http://[::1"])
def test_an_address_that_is_none_of_a_registry_is_a_wrong_setting(uri: str) -> None:
    """Told by its name, without credentials."""
    with pytest.raises(SettingsError, match="MILLSTREAM_REGISTRY__URI") as refused:
        MlflowRegistry(uri).look("buys")
    assert "sesame" not in str(refused.value)
