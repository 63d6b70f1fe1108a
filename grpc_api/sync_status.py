"""What model sync tells of itself in ``sync.json`` beside the pointer; scorers pass it on to Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

STATUS_FILE: Final = "sync.json"


class SyncStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Of one model: whether the registry answers, and which versions were refused since the process started."""

    registry_up: bool
    refused: int = 0
    last_refusal: str = ""


def read_status(path: Path) -> SyncStatus | None:
    """The status in a file, None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SyncStatus)
    except (OSError, msgspec.MsgspecError):
        return None


def write_status(path: Path, status: SyncStatus) -> None:
    """Replace the status atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(msgspec.json.encode(status))
    fresh.replace(path)


class SyncCollector(Collector):
    """Reads every model's status when Prometheus asks."""

    def __init__(self, models_folder: Path) -> None:
        self._folder = models_folder

    def collect(self) -> Iterator[Metric]:
        """``millstream_model_sync_refused_total`` and ``millstream_model_sync_registry_up``, by model."""
        refused = CounterMetricFamily(
            "millstream_model_sync_refused", "Registered versions that model sync refused.", labels=["model"]
        )
        up = GaugeMetricFamily(
            "millstream_model_sync_registry_up", "Whether the registry answered model sync.", labels=["model"]
        )
        for path in sorted(self._folder.glob(f"*/{STATUS_FILE}")):
            status = read_status(path)
            if status is not None:
                refused.add_metric([path.parent.name], status.refused)
                up.add_metric([path.parent.name], status.registry_up)
        yield refused
        yield up
