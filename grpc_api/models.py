"""The models that are served, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from features.clock import Clock, SystemClock
from features.errors import NotServingError
from features.routing import Arm
from grpc_api.model_set import ModelSet
from grpc_api.served_model import ServedModel
from grpc_api.status import UnknownNameError


class Models:
    """Models by name, each with its arms; replaced as a whole, so a request keeps what it began with."""

    def __init__(
        self,
        served: Mapping[str, ModelSet] = MappingProxyType({}),
        *,
        clock: Clock = SystemClock(),  # noqa: B008 - holds nothing
    ) -> None:
        self._served = served
        self._clock = clock
        self._since_us: Mapping[tuple[str, Arm], tuple[str, int]] = {}

    @property
    def served(self) -> Mapping[str, ModelSet]:
        """All models that can answer."""
        return self._served

    def put(self, models: ModelSet) -> None:
        """Serve these arms of a model from the next request on."""
        begun = {
            (model.name, model.arm): (model.digest, self._clock.now_us())
            for model in models.arms
            if self._since_us.get((model.name, model.arm), ("", 0))[0] != model.digest
        }
        self._since_us = {**self._since_us, **begun}
        self._served = {**self._served, models.champion.name: models}

    def since_us(self, model: ServedModel) -> int:
        """When a model that serves began to, as its arm."""
        return self._since_us[model.name, model.arm][1]

    def find(self, name: str) -> ModelSet:
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
