"""The models that are served: a thread follows the pointer files and swaps what they point at, off the request path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import structlog

from features.clock import Clock, SystemClock
from features.errors import CorruptError, MillstreamError, NotServingError
from grpc_api.pointer import POINTER, Pointer, read_pointer
from grpc_api.served_model import ServedModel
from grpc_api.status import UnknownNameError

logger: Final = structlog.get_logger(__name__)


class Models:
    """Models by name; replaced as a whole, so a request keeps the one that it began with."""

    def __init__(
        self,
        served: Mapping[str, ServedModel] = MappingProxyType({}),
        *,
        clock: Clock = SystemClock(),  # noqa: B008 - holds nothing
    ) -> None:
        self._served = served
        self._clock = clock
        self._since_us: Mapping[tuple[str, str], tuple[str, int]] = {}

    @property
    def served(self) -> Mapping[str, ServedModel]:
        """All models that can answer."""
        return self._served

    def put(self, model: ServedModel) -> None:
        """Serve this version from the next request on."""
        digest, _ = self._since_us.get((model.name, model.arm), ("", 0))
        if digest != model.digest:
            since = (model.digest, self._clock.now_us())
            self._since_us = {**self._since_us, (model.name, model.arm): since}
        self._served = {**self._served, model.name: model}

    def since_us(self, model: ServedModel) -> int:
        """When a model that serves began to, as its arm."""
        return self._since_us[model.name, model.arm][1]

    def find(self, name: str) -> ServedModel:
        """The model of that name; without a name, the only one."""
        served = self._served
        if name:
            model = served.get(name)
            if model is not None:
                return model
        elif len(served) == 1:
            return next(iter(served.values()))
        if not served:
            raise NotServingError("models", "no model is published yet")
        problem = f"{name!r} is not served" if name else "several models are served"
        raise UnknownNameError("model", problem, f"name one of {sorted(served)}")


class ModelFollower:
    """Follows every model's pointer file in a thread.

    A bundle that may not serve is logged and counted once, and the model that serves stays. One that could not answer
    yet, because its views are still being born, is held back, and the one before it goes on.
    """

    def __init__(
        self,
        *,
        folder: Path,
        load: Callable[[Path, Pointer], ServedModel],
        models: Models,
        can_answer: Callable[[ServedModel], bool] = lambda _: True,
        on_swap: Callable[[ServedModel], None] = lambda _: None,
        on_refusal: Callable[[str], None] = lambda _: None,
        interval_s: float = 0.2,
    ) -> None:
        self._folder = folder
        self._load = load
        self._models = models
        self._can_answer = can_answer
        self._on_swap = on_swap
        self._on_refusal = on_refusal
        self._interval_s = interval_s
        self._seen: dict[str, tuple[int, int] | None] = {}
        self._held: dict[str, ServedModel] = {}
        self._anew = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="models", daemon=True)

    def start(self) -> None:
        """Load what is there, then follow in a thread."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look_anew(self) -> None:
        """At the next look, try every bundle again that was refused: other plans are in force."""
        self._anew = True

    def look(self) -> None:
        """Swap every model whose pointer file was replaced since the last look."""
        if self._anew:
            self._anew = False
            self._seen.clear()
        for file in sorted(self._folder.glob(f"*/{POINTER}")):
            model = file.parent.name
            try:
                stat = file.stat()
            except FileNotFoundError:
                continue
            identity = (stat.st_ino, stat.st_mtime_ns)
            if self._seen.get(model) != identity:
                self._seen[model] = identity
                self._swap(model, file)
        for loaded in list(self._held.values()):
            self._put_or_hold(loaded)

    def _swap(self, model: str, file: Path) -> None:
        serving = self._models.served.get(model)
        self._held.pop(model, None)
        try:
            pointer = read_pointer(file)
            if pointer is None or (serving is not None and _same(pointer, serving)):
                return
            if pointer.model != model:
                raise CorruptError(str(file), f"points at a bundle of {pointer.model}")
            loaded = self._load(pointer.bundle_path(file), pointer)
        except MillstreamError as error:
            logger.error("bundle_refused", model=model, problem=str(error), serving=serving and serving.version)
            self._on_refusal(model)
            return
        except Exception:
            logger.exception("bundle_not_loaded", model=model, serving=serving and serving.version)
            self._on_refusal(model)
            return
        self._put_or_hold(loaded)

    def _put_or_hold(self, loaded: ServedModel) -> None:
        """Serve a model; or wait until it can answer, where there is one before it that perhaps can."""
        model = loaded.name
        before = self._models.served.get(model)
        if before is not None and not self._can_answer(loaded):
            if model not in self._held:
                logger.info("model_waits_for_its_views", model=model, version=loaded.version, serving=before.version)
            self._held[model] = loaded
            return
        self._held.pop(model, None)
        self._models.put(loaded)
        logger.info("model_serves", model=model, version=loaded.version, digest=loaded.digest[:16])
        self._on_swap(loaded)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.look()


def _same(pointer: Pointer, serving: ServedModel) -> bool:
    return (pointer.version, pointer.digest) == (serving.version, serving.digest)
