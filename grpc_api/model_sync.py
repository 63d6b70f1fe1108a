"""Follows the registry: what becomes an arm of a model there is downloaded, proven, and only then pointed at.

The registry may name what it likes: what was not approved as the domain asks is refused, as is what does not prove
itself; that is logged and counted, and what serves goes on serving. How requests are shared out among the arms is
followed too. A registry that is down changes nothing.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from features.approval.rules import Rules, rules_of
from features.approval.stages import require_serving
from features.bundle import read_bundle
from features.domain import load_domain
from features.errors import BundleCorruptError, MillstreamError, RegistryUnavailableError
from features.plan import Plan
from features.routing import ARMS, CHAMPION, Arm, Routing
from features.settings import Settings
from grpc_api.domain_intake import domain_intake
from grpc_api.file_intake import RETRY_S
from grpc_api.mlflow_registry import Listing, MlflowRegistry, Registered, Registry
from grpc_api.plans import PlanFollower
from grpc_api.pointer import (
    Pointer,
    models_dir,
    pointer_file,
    read_pointer,
    read_routing,
    routing_file,
    write_pointer,
    write_routing,
)
from grpc_api.proof import prove
from grpc_api.served_model import Declarations
from grpc_api.sync_status import STATUS_FILE, SyncStatus, write_status

logger: Final = structlog.get_logger(__name__)

_DOWNLOAD: Final = ".download-"


class ModelSync:
    """Keeps the pointers and the routing of some models on what the registry says.

    Parameters
    ----------
    registry
        Where the arms are named and bundles are kept.
    models
        Names of the models to follow.
    folder
        Where bundles and pointers go.
    declared
        Gives the declarations of which a bundle has to fit one.
    rules
        Gives what the domain asks now of a version of a model before it may serve.
    now_s
        A monotonic clock.

    """

    def __init__(
        self,
        *,
        registry: Registry,
        models: Iterable[str],
        folder: Path,
        declared: Callable[[], Sequence[Declarations]],
        rules: Callable[[str], Rules],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._declared = declared
        self._rules = rules
        self._now_s = now_s
        self._status: dict[str, SyncStatus] = {}
        self._refused: dict[tuple[str, Arm], tuple[tuple[Registered, list[str]], float]] = {}
        self._bad_routing: dict[str, str] = {}
        self._whole: dict[Path, bool] = {}
        self.follow(models)

    def follow(self, models: Iterable[str]) -> None:
        """Follow these models, too."""
        for model in models:
            if model not in self._status:
                self._status[model] = SyncStatus(registry_up=True)
                write_status(self._folder / model / STATUS_FILE, self._status[model])
                for left in (self._folder / model).glob(f"{_DOWNLOAD}*"):
                    shutil.rmtree(left)

    def look(self) -> None:
        """Ask for each model once."""
        for model in self._status:
            try:
                listing = self._registry.look(model)
                if listing is not None:
                    self._follow(model, listing)
            except RegistryUnavailableError as error:
                if self._status[model].registry_up:
                    logger.warning("registry_down", model=model, problem=str(error))
                self._say(model, registry_up=False)
            else:
                self._say(model, registry_up=True)

    def _follow(self, model: str, listing: Listing) -> None:
        self._route(model, listing.routing)
        for arm in ARMS:
            registered = listing.arms.get(arm)
            if registered is not None:
                if not self._is_settled(model, arm, registered):
                    self._adopt(model, arm, registered)
            elif arm != CHAMPION:
                self._drop(model, arm)

    def _route(self, model: str, written: str) -> None:
        """Hand the routing on; one that cannot be understood changes nothing."""
        file = routing_file(self._folder, model)
        try:
            routing = msgspec.json.decode(written, type=Routing) if written else Routing()
        except msgspec.MsgspecError as error:
            if self._bad_routing.get(model) != written:
                self._bad_routing[model] = written
                self._refuse("routing_refused", model, f"routing {written}: {error}")
            return
        self._bad_routing.pop(model, None)
        if (_known_routing(file) or Routing()) != routing:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_routing(file, routing)
            logger.info("routing", model=model, **msgspec.to_builtins(routing))

    def _drop(self, model: str, arm: Arm) -> None:
        """The registry names no version for this arm any more."""
        self._refused.pop((model, arm), None)
        file = pointer_file(self._folder, model, arm)
        if file.exists():
            file.unlink()
            logger.info("arm_dropped", model=model, arm=arm)

    def _is_settled(self, model: str, arm: Arm, registered: Registered) -> bool:
        """Whether this version is pointed at already, or was refused just now."""
        refused, at_s = self._refused.get((model, arm), (None, 0.0))
        if refused == (registered, self._plans()):
            return self._now_s() - at_s < RETRY_S
        try:
            pointer = read_pointer(pointer_file(self._folder, model, arm))
        except BundleCorruptError:
            return False
        if pointer is None or (pointer.version, pointer.digest) != (registered.version, registered.digest):
            return False
        return self._is_whole(pointer, self._folder / model / pointer.path)

    def _is_whole(self, pointer: Pointer, folder: Path) -> bool:
        """Whether the bundle that is pointed at is here.

        Its files are looked at once by each process: a machine that lost its power may have lost some of them. That
        they are there at all is looked at each time, for people tidy up.
        """
        if self._whole.get(folder) and folder.exists():
            return True
        try:
            is_whole = read_bundle(folder).digest == pointer.digest
        except BundleCorruptError as error:
            if self._whole.get(folder, True):
                logger.error("bundle_lost", model=pointer.model, version=pointer.version, problem=str(error))
            is_whole = False
        self._whole[folder] = is_whole
        return is_whole

    def _adopt(self, model: str, arm: Arm, registered: Registered) -> None:
        """Download, prove and point; or refuse."""
        try:
            self._point(model, arm, registered)
        except RegistryUnavailableError:
            raise
        except Exception as error:  # in whichever way a bundle is bad, what serves goes on serving
            self._refused[model, arm] = ((registered, self._plans()), self._now_s())
            self._refuse("bundle_refused", model, f"{arm} version {registered.version}: {error}", error)
        else:
            self._refused.pop((model, arm), None)
            logger.info("arm", model=model, arm=arm, version=registered.version, digest=registered.digest[:16])

    def _refuse(self, event: str, model: str, problem: str, error: Exception | None = None) -> None:
        unforeseen = error is not None and not isinstance(error, MillstreamError)
        logger.error(event, model=model, problem=problem, exc_info=unforeseen)
        self._say(model, refused=self._status[model].refused + 1, last_refusal=problem)

    def _point(self, model: str, arm: Arm, registered: Registered) -> None:
        version, digest, stage, papers = registered
        if not digest:
            raise BundleCorruptError(f"version {version} of {model}", "the registry holds no digest to check it by")
        # The digest is in the path because a registry made anew counts its versions from 1 again.
        path = Path(version) / digest[:16]
        pointer = Pointer(model=model, version=version, path=str(path), digest=digest)
        target = self._folder / model / path
        rules = self._rules(model)
        subject = rules.subject(version, digest)
        rules.require_signed(papers, subject, arm)
        if not self._holds(target, pointer, rules):
            self._download(pointer, target, rules)
        require_serving(str(subject), stage, arm)
        write_pointer(pointer_file(self._folder, model, arm), pointer)

    def _holds(self, target: Path, pointer: Pointer, rules: Rules) -> bool:
        """Whether an earlier download is here and still proves itself: a rollback then needs no registry's files."""
        if not target.exists():
            return False
        try:
            self._prove(target, pointer, rules)
        except BundleCorruptError:
            shutil.rmtree(target)
            return False
        return True

    def _plans(self) -> list[str]:
        """Hashes of the plans in force: what fits none of them may fit the next."""
        return [declarations.plan.hash for declarations in self._declared()]

    def _prove(self, folder: Path, pointer: Pointer, rules: Rules) -> None:
        """Hold a bundle against the domain's checks, before its model is run at all, and then against itself."""
        rules.require_sound(read_bundle(folder))
        prove(folder, pointer, self._declared())

    def _download(self, pointer: Pointer, target: Path, rules: Rules) -> None:
        """Fetch a bundle, and put it in its place once it has proven itself."""
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=_DOWNLOAD, dir=self._folder / pointer.model))
        try:
            downloaded = self._registry.download(pointer.model, pointer.version, scratch)
            self._prove(downloaded, pointer, rules)
            downloaded.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _say(self, model: str, **changes: object) -> None:
        """Write the status down when it has changed."""
        status = msgspec.structs.replace(self._status[model], **changes)
        if status != self._status[model]:
            self._status[model] = status
            write_status(self._folder / model / STATUS_FILE, status)


def _known_routing(file: Path) -> Routing | None:
    """What scorers follow now; None where that is nothing that can be read."""
    try:
        return read_routing(file)
    except BundleCorruptError:
        return None


def run_model_sync(settings: Settings, plan: Plan) -> None:
    """Follow the domain's models until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    state_dir = settings.state_dir(plan.project)
    sync = ModelSync(
        registry=MlflowRegistry(settings.registry.uri),
        models=load_domain(settings.repo).models,
        folder=models_dir(state_dir),
        declared=PlanFollower(state_dir).look,
        rules=lambda model: rules_of(load_domain(settings.repo), model),
    )
    domain = domain_intake(settings.repo, sync.follow)
    while not stopping.is_set():
        domain.look()
        sync.look()
        stopping.wait(settings.registry.poll_s)
