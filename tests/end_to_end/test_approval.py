"""No way around the approval: every attack on it is refused by model sync, or found by the audit, or both.

Real registry, real model sync, real signatures. The attacker may write to the registry as they like, and to the log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import onnx
import pytest

from deploy.servers import MlflowServer
from features.approval.identity import Identity
from features.approval.statements import Kind, Statement
from features.bundle import MODEL, Bundle, write_manifest
from features.errors import CorruptError, NotApprovedError, RequestError
from features.routing import CHAMPION
from grpc_api.mlflow_registry import MlflowRegistry
from grpc_api.model_sync import ModelSync
from grpc_api.pointer import pointer_file, read_pointer
from grpc_api.sync_status import STATUS_FILE, read_status
from offline_training.arms import Arms
from offline_training.audit import FIRST, AuditEntry, AuditLog
from offline_training.audit_replay import examine
from offline_training.registry import Registry
from offline_training.registry_anchor import RegistryAnchor
from offline_training.review import Review, Reviewed
from tests.features.approval.people import AT, HUMAN, person
from tests.grpc_api.shop import DECLARATIONS, open_shop, write_bundle
from tests.waiting import wait_until

pytestmark = pytest.mark.servers
PROJECT = "shop"


class World:
    """A model whose champion was trained by ben, approved by ann, and serves; and the means of an attacker.

    ``champion`` is the version that serves by right, ``newest`` the one that was published last.
    """

    def __init__(self, uri: str, folder: Path, model: str) -> None:
        from mlflow import MlflowClient

        self.model = model
        self.folder = folder
        self.rules = HUMAN._replace(model=model)
        self.registry = Registry(uri)
        self.anchor = RegistryAnchor(self.registry, PROJECT)
        self.audit = AuditLog(folder / "audit.jsonl", self.anchor)
        self.mlflow: Any = MlflowClient(uri, uri)
        self.models = folder / "models"
        self.told: list[str] = []
        self.sync = ModelSync(
            registry=MlflowRegistry(uri),
            models=[model],
            folder=self.models,
            declared=lambda: (DECLARATIONS,),
            rules=lambda _model: self.rules,
        )
        self.champion = ""
        self.newest = ""
        (folder / "plots").mkdir()

    def review(self, who: str) -> Review:
        """The tool in somebody's hands."""
        return Review(self.registry, self.audit, self.rules, person(who), at=AT, notify=self.told.append)

    def publish(self, who: str, change: Callable[[Bundle], Bundle] = lambda bundle: bundle, **bundle: Any) -> Reviewed:
        """A new version of somebody's, with a bundle that was tampered with before it was published."""
        number = len(list(self.folder.glob("bundle-*"))) + 1
        written = change(write_bundle(self.folder / f"bundle-{number}", model=self.model, bias=float(number), **bundle))
        published = self.registry.publish(written, self.folder / "plots", params={}, developer=who)
        self.newest = published.version
        return self.review(who).submit(published.version, written, {"run_id": published.run_id})

    def promote(self, version: str) -> None:
        """By the tool; nobody has to be an approver for it."""
        arms = Arms(self.registry, self.audit, lambda _model: self.rules, by="ops", at=AT, notify=self.told.append)
        arms.promote(self.model, version, CHAMPION)
        self.champion = version

    def serve(self, approver: str = "ann", reason: str = "") -> None:
        """The honest way of a version of ben's."""
        self.publish("ben")
        self.review(approver).approve(self.newest, reason)
        self.promote(self.newest)
        assert self.served == self.newest

    @property
    def served(self) -> str | None:
        """What scorers are pointed at once model sync has looked."""
        self.sync.look()
        pointer = read_pointer(pointer_file(self.models, self.model))
        return None if pointer is None else pointer.version

    @property
    def refusal(self) -> str:
        """The last thing that model sync refused."""
        status = read_status(self.models / self.model / STATUS_FILE)
        assert status is not None
        return status.last_refusal

    @property
    def findings(self) -> list[str]:
        """What `millstream models audit` tells."""
        return examine(self.audit.read(), self.registry, PROJECT, self.rules.people, [self.model])

    def stage(self) -> str:
        """Where the newest version is."""
        return self.registry.version(self.model, self.newest).approval_status

    def move_alias(self, version: str = "") -> None:
        """To the newest version, as the registry's own page does it."""
        self.mlflow.set_registered_model_alias(self.model, CHAMPION, version or self.newest)

    def tag(self, **changed: str) -> None:
        """Edit the newest version's tags, as the registry's own page does it."""
        self.registry.tag(self.model, self.newest, {name.replace("__", "."): value for name, value in changed.items()})

    def paper(self, who: Identity, kind: Kind) -> str:
        """A statement about the newest version that somebody signs by themselves, without the tool."""
        subject = self.rules.subject(self.newest, self.registry.version(self.model, self.newest).digest)
        about = msgspec.structs.asdict(subject)
        return msgspec.json.encode(who.sign(Statement(kind=kind, by=who.name, at=AT, log_head=FIRST, **about))).decode()

    def overwrite(self) -> Bundle:
        """Put other files in the place of the newest version's; they are a bundle, too."""
        bundle = write_bundle(self.folder / f"theirs-{self.newest}", model=self.model, bias=-float(self.newest))
        run_id = self.mlflow.get_model_version(self.model, self.newest).run_id
        self.mlflow.log_artifacts(run_id, str(bundle.path), "bundle")
        return bundle


@pytest.fixture(scope="module")
def site(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all tests of this file: each begins with a version of its own."""
    world = World(mlflow_server.uri, tmp_path_factory.mktemp("approval"), "approval")
    world.serve()
    assert world.findings == []
    return world


@pytest.fixture
def world(site: World) -> Iterator[World]:
    """What serves by right is champion again afterwards."""
    yield site
    site.move_alias(site.champion)


# Attacks on what serves. Each tries to have a new version answer.


def alias_moved(world: World) -> None:
    world.publish("ben")
    world.move_alias()


def tags_edited(world: World) -> None:
    world.publish("ben")
    world.tag(approval_status="approved", approved_by="ann", approval_timestamp=AT.isoformat())
    world.move_alias()


def approval_replayed(world: World) -> None:
    world.publish("ben")
    world.tag(statement__approved=world.registry.version(world.model, world.champion).papers.approved)
    world.move_alias()


def approval_of_nobody(world: World) -> None:
    world.publish("ben")
    world.tag(statement__approved=world.paper(person("eve"), "approved"))
    world.move_alias()


def approval_in_anothers_name(world: World) -> None:
    world.publish("ben")
    world.tag(statement__approved=world.paper(Identity("ann", person("ben").key), "approved"))
    world.move_alias()


def self_approval_beside_the_tool(world: World) -> None:
    world.publish("ann")
    world.tag(statement__approved=world.paper(person("ann"), "approved"))
    world.move_alias()


def self_approval_as_anothers_work(world: World) -> None:
    world.publish("ann")
    world.tag(developer="ben", statement__published=world.paper(Identity("ben", person("ann").key), "published"))
    world.tag(statement__approved=world.paper(person("ann"), "approved"))
    world.move_alias()


def rejected_and_tagged_anew(world: World) -> None:
    world.publish("ben")
    world.review("dan").reject(world.newest, "no")
    world.tag(approval_status="approved")
    world.move_alias()


def registered_beside_the_tool(world: World) -> None:
    bundle = write_bundle(world.folder / "theirs", model=world.model, bias=0.5)
    published = world.registry.publish(bundle, world.folder / "plots", params={}, developer="ben")
    world.newest = published.version
    world.tag(approval_status="approved")
    world.move_alias()


def bundle_edited(world: World) -> None:
    world.publish("ben")
    world.review("ann").approve(world.newest)
    world.overwrite()
    world.move_alias()


def bundle_and_digest_edited(world: World) -> None:
    world.publish("ben")
    world.review("ann").approve(world.newest)
    world.tag(digest=world.overwrite().digest)
    world.move_alias()


def let_through(world: World, change: Callable[[Bundle], Bundle] = lambda bundle: bundle, **bundle: Any) -> None:
    """A version that fails its validation, which an approver signs none the less."""
    assert world.publish("ben", change, **bundle).stage == "failed_validation"
    world.tag(approval_status="approved", statement__approved=world.paper(person("ann"), "approved"))
    world.move_alias()


def metric_missing(world: World) -> None:
    let_through(world, lambda b: write_manifest(b.path, msgspec.structs.replace(b.manifest, metrics={})))


def accuracy_too_low(world: World) -> None:
    let_through(world, accuracy=0.5)


def undocumented(world: World) -> None:
    let_through(world, lambda b: write_manifest(b.path, msgspec.structs.replace(b.manifest, documentation={})))


def operator_forbidden(world: World) -> None:
    let_through(world, lambda bundle: with_model(bundle, lambda model: setattr(model.graph.node[0], "op_type", "Loop")))


def external_data(world: World) -> None:
    def move_out(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
        model.graph.initializer[0].external_data.add(key="location", value="/etc/hostname")

    let_through(world, lambda bundle: with_model(bundle, move_out))


def with_model(bundle: Bundle, change: Callable[[onnx.ModelProto], None]) -> Bundle:
    """The bundle with a changed model, its digests made anew."""
    model = onnx.load(bundle.file(MODEL))
    change(model)
    bundle.file(MODEL).write_bytes(model.SerializeToString())
    return write_manifest(bundle.path, bundle.manifest)


@pytest.mark.parametrize(
    ("attack", "refusal", "finding"),
    [
        (alias_moved, "nobody has signed that it is approved", r"champion is \d+ in the registry, the log says"),
        (tags_edited, "nobody has signed that it is approved", "approval_status 'approved' in the registry"),
        (approval_replayed, r"approved was signed of approval \d+ of shop", r"champion is \d+ in the registry"),
        (approval_of_nobody, "eve is nobody who may say", r"champion is \d+ in the registry"),
        (approval_in_anothers_name, "does not bear the signature of ann", r"champion is \d+ in the registry"),
        (
            self_approval_beside_the_tool,
            "ann trained it, somebody else has to approve it",
            r"champion is \d+ in the registry",
        ),
        (self_approval_as_anothers_work, "does not bear the signature of ben", "developer 'ben' in the registry"),
        (rejected_and_tagged_anew, "nobody has signed that it is approved", "the log says 'rejected'"),
        (
            registered_beside_the_tool,
            "nobody has signed that it is published",
            "is in the registry and was never published",
        ),
        (bundle_edited, "has digest", r"champion is \d+ in the registry"),
        (bundle_and_digest_edited, "published was signed of", "has the digest"),
        (metric_missing, "accuracy NOT passed: the bundle has no accuracy", "the log says 'failed_validation'"),
        (accuracy_too_low, "accuracy NOT passed: accuracy 0.5000", "the log says 'failed_validation'"),
        (undocumented, "documentation NOT passed", "the log says 'failed_validation'"),
        (operator_forbidden, "security NOT passed: model.onnx uses Loop", "the log says 'failed_validation'"),
        (external_data, "security NOT passed: model.onnx keeps zero in another file", "the log says 'failed_vali"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_attack_on_what_serves_is_refused_and_found(
    world: World, attack: Callable[[World], None], refusal: str, finding: str
) -> None:
    """What served goes on, and model sync says why; the audit says what was done."""
    attack(world)
    assert world.served == world.champion
    assert f"champion version {world.newest}: " in world.refusal
    assert re.search(refusal, world.refusal), world.refusal
    findings = [found for found in world.findings if re.search(rf"\b{world.newest}\b", found)]
    assert any(re.search(finding, found) for found in findings), findings


def test_an_alias_moved_back_to_a_champion_of_before_is_refused_and_found(world: World) -> None:
    """It was approved once, and nobody promoted it now; with its tag edited too, it is found by both."""
    before = world.champion
    world.serve()
    world.move_alias(before)
    assert world.served == world.champion
    assert f"{before}: is archived in the registry, so that nobody promoted it to champion" in world.refusal
    moved = f"{world.model}: champion is {before} in the registry, the log says {world.champion}"
    assert moved in world.findings
    world.registry.tag(world.model, before, {"approval_status": "production"})
    tagged = f"{world.model} {before} has the approval_status 'production' in the registry, the log says 'archived'"
    assert {moved, tagged} <= set(world.findings)
    world.registry.tag(world.model, before, {"approval_status": "archived"})


# Attacks on the tool itself.


@pytest.mark.parametrize(
    ("trainer", "approver", "problem"),
    [
        ("ann", "ann", "ann trained"),
        ("ben", "ben", "ben does not act as an approver"),
        ("ben", "eve", "eve does not act as an approver"),
    ],
)
def test_the_tool_lets_nobody_else_approve(world: World, trainer: str, approver: str, problem: str) -> None:
    """Who trained it, who is no approver, who is nobody; and what was refused is not in the log."""
    world.publish(trainer)
    before = len(world.audit.read())
    with pytest.raises(RequestError, match=problem):
        world.review(approver).approve(world.newest)
    assert world.stage() == "pending_review"
    assert len(world.audit.read()) == before


def test_the_tool_approves_no_bundle_that_was_exchanged(world: World) -> None:
    """What was approved is what was published."""
    world.publish("ben")
    world.overwrite()
    with pytest.raises(NotApprovedError, match="has digest"):
        world.review("ann").approve(world.newest)
    assert world.stage() == "pending_review"


def test_what_was_decided_is_decided(world: World) -> None:
    """A version is approved or rejected once; one that was rejected is promoted by no tool."""
    world.publish("ben")
    rejected, review = world.newest, world.review("dan")
    review.reject(rejected, "too young")
    for act in (lambda: review.approve(rejected), lambda: review.reject(rejected, "again")):
        with pytest.raises(RequestError, match="that is an end"):
            act()
    with pytest.raises(RequestError, match="is rejected, so it is no champion"):
        world.promote(rejected)
    with pytest.raises(RequestError, match="after production comes archived"):
        review.approve(world.champion)


# Attacks on the log.


def rewritten(entries: Sequence[AuditEntry], path: Path) -> list[AuditEntry]:
    """The log with these entries, its chain made anew."""
    chained: list[AuditEntry] = []
    for entry in entries:
        previous = chained[-1].hash if chained else FIRST
        chained.append(msgspec.structs.replace(entry, previous=previous).sealed())
    path.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in chained))
    return chained


@pytest.mark.parametrize("attack", ["edited", "deleted", "reordered", "truncated", "gone", "made anew"])
def test_an_attack_on_the_log_is_found_and_stops_the_tool(world: World, attack: str) -> None:
    """By the chain, or by the head that the registry keeps."""
    path = world.audit.path
    lines = path.read_bytes().splitlines(keepends=True)
    entries = world.audit.read()
    {
        "edited": lambda: path.write_bytes(b"".join(lines).replace(b'"by":"ops"', b'"by":"ann"')),
        "deleted": lambda: path.write_bytes(b"".join([*lines[:1], *lines[2:]])),
        "reordered": lambda: path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]])),
        "truncated": lambda: path.write_bytes(b"".join(lines[:-1])),
        "gone": path.unlink,
        "made anew": lambda: rewritten(entries[:-1], path),
    }[attack]()
    try:
        with pytest.raises(CorruptError, match=r"audit\.jsonl"):
            _ = world.findings
        with pytest.raises(CorruptError, match=r"audit\.jsonl"):
            world.promote(world.champion)
    finally:
        path.write_bytes(b"".join(lines))
    assert world.audit.read() == entries


def test_a_log_made_anew_with_its_head_in_the_registry_is_found_by_its_signatures(world: World) -> None:
    """Whoever may write to both can make chain and head fit; what people signed names the log that they saw."""
    entries, content = world.audit.read(), world.audit.path.read_bytes()
    (head,) = [head for head in world.anchor.read() if head.log == entries[0].hash]
    number = next(number for number, entry in enumerate(entries) if entry.event == "validate")
    whitewashed = msgspec.structs.replace(entries[number], detail={"outcome": "pending_review"})
    try:
        made_anew = rewritten([*entries[:number], whitewashed, *entries[number + 1 :]], world.audit.path)
        world.anchor.write(msgspec.structs.replace(head, hash=made_anew[-1].hash))
        signed = [place for place in range(number + 1, len(entries)) if entries[place].statement is not None]
        assert signed
        told = [found for found in world.findings if "when it was signed, the log before it was another" in found]
        assert [found.split(" (")[0] for found in told] == [f"entry {place + 1}" for place in signed]
    finally:
        world.audit.path.write_bytes(content)
        world.anchor.write(head)


def test_a_log_by_which_policy_approved_what_people_should_have_is_found(world: World) -> None:
    """Whoever may write to both enters a way that needs no signature; model sync does not take it."""
    content, heads = world.audit.path.read_bytes(), world.anchor.read()
    spec = msgspec.structs.replace(world.rules.spec, approval="policy", approvers=())
    theirs, eve = world.rules._replace(spec=spec, people={}), Identity("ben")
    bundle = write_bundle(world.folder / "by policy", model=world.model, bias=0.25)
    world.newest = world.registry.publish(bundle, world.folder / "plots", params={}, developer="ben").version
    try:
        Review(world.registry, world.audit, theirs, eve, at=AT, notify=print).submit(world.newest, bundle, {})
        arms = Arms(world.registry, world.audit, lambda _model: theirs, by="ops", at=AT, notify=print)
        arms.promote(world.model, world.newest, CHAMPION)
        assert world.served == world.champion
        assert "nobody has signed that it is published" in world.refusal
        version = f"{world.model} {world.newest}"
        assert f"nobody has signed that {version} is published" in world.findings
        assert f"{version} was approved by policy, where model.yaml asks people" in world.findings
    finally:
        world.audit.path.write_bytes(content)
        for head in heads:
            world.anchor.write(head)
        world.tag(approval_status="staging")
        world.registry.tag(world.model, world.champion, {"approval_status": "production"})


# The honest way.


def test_a_running_scorer_is_answered_by_what_was_approved_alone(world: World) -> None:
    """Whatever the alias says meanwhile."""
    assert world.served == world.champion
    with open_shop(world.models) as (_, client):

        def ask() -> str:
            return client.score({"buyer": "ann"}, model=world.model).version

        assert ask() == world.champion
        world.publish("ben")
        world.move_alias()
        assert world.served == ask() == world.champion
        world.review("ann").approve(world.newest)
        world.promote(world.newest)
        assert world.served == world.newest
        wait_until(lambda: ask() == world.newest)


def test_every_step_is_told_tagged_and_logged(world: World) -> None:
    """From the training to production and the archive: people, registry and log agree."""
    before = world.champion
    world.serve("dan", "better on new customers")
    first, second = (world.registry.version(world.model, version) for version in (before, world.newest))
    assert (first.stage, second.stage) == ("archived", "production")
    assert (second.developer, second.approved_by, second.approval_timestamp) == ("ben", "dan", AT.isoformat())
    assert second.figures == {"accuracy": 0.9}
    assert world.told[-3:] == [
        f"{second} by ben waits for review: millstream models approve {second}",
        f"{second} was approved by dan: millstream promote {second}",
        f"{second} is in production, by ops",
    ]
    entries = world.audit.read()[-4:]
    assert [entry.event for entry in entries] == ["publish", "validate", "approve", "promote"]
    assert entries[2].statement is not None
    assert (entries[2].by, entries[2].statement.reason) == ("dan", "better on new customers")


def test_every_tag_that_is_asked_for_is_there(world: World) -> None:
    """By the names that were asked for."""
    held = world.mlflow.get_model_version(world.model, world.champion).tags
    assert {"developer", "performance_metrics", "approval_status", "approved_by", "approval_timestamp"} <= held.keys()
