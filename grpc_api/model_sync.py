"""Follows the registry: what becomes champion there is downloaded, proven, and only then pointed at.

A version that does not prove itself is refused, logged and counted, and what serves goes on serving. A registry that
is down changes nothing.
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

from features.domain import load_domain
from features.errors import BundleCorruptError, MillstreamError, RegistryUnavailableError
from features.plan import Plan
from features.settings import Settings
from grpc_api.mlflow_registry import MlflowRegistry, Registered, Registry
from grpc_api.plans import PlanFollower
from grpc_api.pointer import ARM, Pointer, models_dir, pointer_file, read_pointer, write_pointer
from grpc_api.proof import prove
from grpc_api.served_model import Declarations
from grpc_api.sync_status import STATUS_FILE, SyncStatus, write_status

logger: Final = structlog.get_logger(__name__)

RETRY_S: Final = 60.0
"""A refused version is tried again after this long: the fault may have been in the download."""

_DOWNLOAD: Final = ".download-"


class ModelSync:
    """Keeps the pointers of some models on their champions.

    Parameters
    ----------
    registry
        Where champions are named and bundles are kept.
    models
        Names of the models to follow.
    folder
        Where bundles and pointers go.
    declared
        Gives the declarations of which a bundle has to fit one.
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
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._declared = declared
        self._now_s = now_s
        self._status = {model: SyncStatus(registry_up=True) for model in models}
        self._refused: dict[str, tuple[tuple[Registered, list[str]], float]] = {}
        for model, status in self._status.items():
            write_status(folder / model / STATUS_FILE, status)
            for left in (folder / model).glob(f"{_DOWNLOAD}*"):
                shutil.rmtree(left)

    def look(self) -> None:
        """Ask for each champion once."""
        for model in self._status:
            try:
                champion = self._registry.champion(model)
                if champion is not None and not self._is_settled(model, champion):
                    self._adopt(model, champion)
            except RegistryUnavailableError as error:
                if self._status[model].registry_up:
                    logger.warning("registry_down", model=model, problem=str(error))
                self._say(model, registry_up=False)
            else:
                self._say(model, registry_up=True)

    def _is_settled(self, model: str, champion: Registered) -> bool:
        """Whether this champion is pointed at already, or was refused just now."""
        refused, at_s = self._refused.get(model, (None, 0.0))
        if refused == (champion, self._plans()):
            return self._now_s() - at_s < RETRY_S
        try:
            pointer = read_pointer(pointer_file(self._folder, model))
        except BundleCorruptError:
            return False
        return pointer is not None and (pointer.version, pointer.digest) == champion

    def _adopt(self, model: str, champion: Registered) -> None:
        """Download, prove and point; or refuse."""
        try:
            self._point(model, champion)
        except RegistryUnavailableError:
            raise
        except Exception as error:  # in whichever way a bundle is bad, what serves goes on serving
            self._refused[model] = ((champion, self._plans()), self._now_s())
            logger.error(
                "bundle_refused",
                model=model,
                version=champion.version,
                problem=str(error),
                exc_info=not isinstance(error, MillstreamError),
            )
            refused = self._status[model].refused + 1
            self._say(model, refused=refused, last_refusal=f"version {champion.version}: {error}")
        else:
            self._refused.pop(model, None)
            logger.info("champion", model=model, version=champion.version, digest=champion.digest[:16])

    def _point(self, model: str, champion: Registered) -> None:
        if not champion.digest:
            raise BundleCorruptError(
                f"version {champion.version} of {model}", "the registry holds no digest to check it by"
            )
        # The digest is in the path because a registry made anew counts its versions from 1 again.
        path = Path(champion.version) / champion.digest[:16]
        pointer = Pointer(model=model, version=champion.version, path=str(path), digest=champion.digest)
        target = self._folder / model / path
        if not self._holds(target, pointer):
            self._download(pointer, target)
        write_pointer(pointer_file(self._folder, model), pointer)

    def _holds(self, target: Path, pointer: Pointer) -> bool:
        """Whether an earlier download is here and still proves itself: a rollback then needs no registry's files."""
        if not target.exists():
            return False
        try:
            prove(target, pointer, self._declared())
        except BundleCorruptError:
            shutil.rmtree(target)
            return False
        return True

    def _plans(self) -> list[str]:
        """Hashes of the plans in force: what fits none of them may fit the next."""
        return [declarations.plan.hash for declarations in self._declared()]

    def _download(self, pointer: Pointer, target: Path) -> None:
        """Fetch a bundle, and put it in its place once it has proven itself."""
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=_DOWNLOAD, dir=self._folder / pointer.model))
        try:
            downloaded = self._registry.download(pointer.model, pointer.version, scratch)
            prove(downloaded, pointer, self._declared())
            downloaded.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _say(self, model: str, **changes: object) -> None:
        """Write the status down when it has changed."""
        status = msgspec.structs.replace(self._status[model], **changes)
        if status != self._status[model]:
            self._status[model] = status
            write_status(self._folder / model / STATUS_FILE, status)


def run_model_sync(settings: Settings, plan: Plan) -> None:
    """Follow the domain's models until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    state_dir = settings.state_dir(plan.project)
    sync = ModelSync(
        registry=MlflowRegistry(settings.registry.uri, alias=ARM),
        models=load_domain(settings.repo).models,
        folder=models_dir(state_dir),
        declared=PlanFollower(state_dir).look,
    )
    while not stopping.is_set():
        sync.look()
        stopping.wait(settings.registry.poll_s)
