"""What is served, for those who describe it in the words of another protocol."""

from __future__ import annotations

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.health import Health
from grpc_api.model_info import model_info
from grpc_api.models import Models
from grpc_api.served_model import ServedModel


class Catalogue:
    """Tells of the models that serve. Of the loop's own thread."""

    def __init__(self, *, models: Models, health: Health) -> None:
        self._models = models
        self._health = health
        self._made: dict[tuple[str, str], tuple[ServedModel, pb.ModelInfo]] = {}

    def infos(self) -> list[pb.ModelInfo]:
        """Every arm of every model, by name, its champion first."""
        return [self._info(arm) for _, models in sorted(self._models.served.items()) for arm in models.arms]

    def info(self, name: str) -> pb.ModelInfo:
        """The champion of a model; as `Models.find` where there is none."""
        return self._info(self._models.find(name).champion)

    def is_ready(self, name: str) -> bool:
        """Whether a model can answer; the empty name is the server as a whole."""
        return self._health.serves(name)

    def _info(self, model: ServedModel) -> pb.ModelInfo:
        """Made once for each model that is swapped in: every call of the Open Inference Protocol asks."""
        key = (model.name, model.arm)
        made = self._made.get(key)
        if made is None or made[0] is not model:
            made = self._made[key] = (model, model_info(model, self._models.since_us(model)))
        return made[1]
