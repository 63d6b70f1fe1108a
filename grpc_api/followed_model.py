"""One model's pointer files, and the arms that have come of them so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from features.errors import CorruptError, MillstreamError
from features.routing import ARMS, CHAMPION, Arm, Routing
from grpc_api.file_intake import FileIntake
from grpc_api.model_set import ModelSet
from grpc_api.pointer import Pointer, pointer_file, read_pointer, read_routing, routing_file
from grpc_api.served_model import ServedModel

logger: Final = structlog.get_logger(__name__)


class Loading(NamedTuple):
    """How a pointer becomes a model: who loads it, who knows whether it can answer, who is told of a refusal.

    ``now_s`` is a monotonic clock.
    """

    load: Callable[[Path, Pointer, Arm], ServedModel]
    can_answer: Callable[[ServedModel], bool]
    on_refusal: Callable[[str], None]
    now_s: Callable[[], float] = time.monotonic


class FollowedModel:
    """Looks at the files of one model.

    What may not serve is logged and told once and tried again each minute, and what served in its place stays. An arm
    that could not answer yet, because its views are still being born, is held back. A challenger or shadow whose
    pointer goes is dropped; a champion never is.
    """

    def __init__(self, models: Path, name: str, loading: Loading) -> None:
        self._name = name
        self._loading = loading
        self._routing_intake = self._intake(routing_file(models, name), self._take_routing)
        self._arm_intakes = {
            arm: self._intake(pointer_file(models, name, arm), partial(self._take, arm)) for arm in ARMS
        }
        self._held: dict[Arm, ServedModel] = {}
        self._serving: dict[Arm, ServedModel] = {}
        self._routing = Routing()
        self._unfit = ""

    @property
    def n_refused(self) -> int:
        """How much of what the files say is refused now: pointers with their bundles, and the routing."""
        return sum(intake.is_refused for intake in self._intakes) + bool(self._unfit)

    def look_anew(self) -> None:
        """At the next look, try again whatever was refused."""
        for intake in self._intakes:
            intake.look_anew()

    def look(self) -> ModelSet | None:
        """The arms that serve now; None while there is no champion."""
        self._routing_intake.look()
        for arm, intake in self._arm_intakes.items():
            intake.look()
            self._serve_held(arm)
        return self._composed()

    @property
    def _intakes(self) -> tuple[FileIntake, ...]:
        return (self._routing_intake, *self._arm_intakes.values())

    def _intake(self, file: Path, take: Callable[[Path], None]) -> FileIntake:
        on_turn = partial(self._turned, file)
        return FileIntake(file, partial(take, file), on_turn=on_turn, now_s=self._loading.now_s)

    def _turned(self, file: Path, error: Exception | None) -> None:
        """What a file says is refused, or is not any more."""
        if error is None:
            logger.info("pointer_taken", model=self._name, file=file.name)
            return
        unforeseen = not isinstance(error, MillstreamError)
        logger.error("pointer_refused", model=self._name, file=file.name, problem=str(error), exc_info=unforeseen)
        self._loading.on_refusal(self._name)

    def _take_routing(self, file: Path) -> None:
        self._routing = read_routing(file) or Routing()

    def _take(self, arm: Arm, file: Path) -> None:
        pointer = read_pointer(file)
        if pointer is None:
            self._drop(arm)
            return
        self._held.pop(arm, None)
        serving = self._serving.get(arm)
        if serving is not None and _is_of(serving, pointer):
            return
        if pointer.model != self._name:
            raise CorruptError(str(file), f"points at a bundle of {pointer.model}")
        known = [model for model in (*self._serving.values(), *self._held.values()) if _is_of(model, pointer)]
        self._held[arm] = known[0].as_arm(arm) if known else self._loading.load(pointer.bundle_path(file), pointer, arm)

    def _drop(self, arm: Arm) -> None:
        self._held.pop(arm, None)
        if arm != CHAMPION and self._serving.pop(arm, None) is not None:
            logger.info("arm_dropped", model=self._name, arm=arm)

    def _serve_held(self, arm: Arm) -> None:
        """Let a loaded arm serve once it can answer; a first champion at once, which then says what it lacks."""
        held = self._held.get(arm)
        if held is None:
            return
        is_first = arm == CHAMPION and arm not in self._serving
        if is_first or self._loading.can_answer(held):
            self._serving[arm] = self._held.pop(arm)
            logger.info("arm_serves", model=self._name, arm=arm, version=held.version, digest=held.digest[:16])

    def _composed(self) -> ModelSet | None:
        """The arms that can serve beside the champion: they are asked about the entities that it is asked about."""
        champion = self._serving.get(CHAMPION)
        if champion is None:
            return None
        keys = champion.inputs.keys.names
        others = {arm: model for arm, model in self._serving.items() if model.inputs.keys.names == keys}
        unfit = [f"{arm} has other join keys" for arm in self._serving if arm not in others]
        routing = self._routing
        if not keys >= set(routing.by):
            unfit.append(f"requests are routed by {', '.join(routing.by)}, which are not all join keys")
            routing = Routing()
        self._complain(", ".join(unfit))
        return ModelSet(champion, others.get("challenger"), others.get("shadow"), routing)

    def _complain(self, unfit: str) -> None:
        if unfit != self._unfit:
            self._unfit = unfit
            if unfit:
                logger.error("routing_refused", model=self._name, problem=unfit)
                self._loading.on_refusal(self._name)


def _is_of(model: ServedModel, pointer: Pointer) -> bool:
    return (model.version, model.digest) == (pointer.version, pointer.digest)
