"""Who serves and how requests are shared out, shown to Prometheus."""

from __future__ import annotations

from features.routing import CHALLENGER, CHAMPION, SHADOW, Arm
from grpc_api.metrics import ScorerMetrics
from grpc_api.model_set import ModelSet


class ServingMetrics:
    """Keeps the metrics of each model on its arms; what serves no more leaves the page."""

    def __init__(self, metrics: ScorerMetrics) -> None:
        self._metrics = metrics
        self._shown: dict[str, set[tuple[str, Arm, str, str]]] = {}

    def show(self, model: ModelSet) -> None:
        """Say who serves now."""
        name, info = model.champion.name, self._metrics.model_info
        now = {(name, arm.arm, arm.version, arm.digest) for arm in model.arms}
        for labels in self._shown.get(name, set()) - now:
            info.remove(*labels)
        for labels in now:
            info.labels(*labels).set(1)
        self._shown[name] = now
        challenged = model.routing.challenger if model.challenger is not None else 0.0
        shares = {CHAMPION: 1 - challenged, CHALLENGER: challenged}
        shares[SHADOW] = model.routing.shadow if model.shadow is not None else 0.0
        for arm, share in shares.items():
            self._metrics.routing_share.labels(name, arm).set(share)
