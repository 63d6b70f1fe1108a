"""How many calls came by the protocol, and what they took: one count for each version of each model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from grpc_api._generated.inference import open_inference_pb2 as pb


class Statistics:
    """Counts of this process since it began."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], pb.ModelStatistics] = {}

    def succeeded(self, model: str, version: str, *, n_rows: int, at_ms: int, ns: Mapping[str, int]) -> None:
        """Count a call that was answered; ``ns`` are the nanoseconds of each part, by its field, and of ``success``."""
        counted = self._one(model, version)
        counted.last_inference = max(counted.last_inference, at_ms)
        counted.inference_count += n_rows
        counted.execution_count += 1
        for part, spent in ns.items():
            _add(getattr(counted.inference_stats, part), spent)

    def failed(self, model: str, version: str, ns: int) -> None:
        """Count a call that was refused."""
        _add(self._one(model, version).inference_stats.fail, ns)

    def of(self, name: str, version: str, served: Iterable[tuple[str, str]]) -> Iterator[pb.ModelStatistics]:
        """What was counted for a model and a version of it (empty: all); of the ``served``, also where it is zero."""
        for one in served:
            self._one(*one)
        for key in sorted(self._of):
            if name in {"", key[0]} and version in {"", key[1]}:
                yield self._of[key]

    def _one(self, model: str, version: str) -> pb.ModelStatistics:
        found = self._of.get((model, version))
        if found is None:
            found = self._of[model, version] = pb.ModelStatistics(name=model, version=version)
        return found


def _add(duration: pb.StatisticDuration, ns: int) -> None:
    duration.count += 1
    duration.ns += ns
