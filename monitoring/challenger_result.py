"""The outcome of each model's last `millstream challenge`, kept where the monitor can show it to Prometheus.

As `millstream verify` it is a command that ends, and Prometheus asks processes that stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from features.nouns import Struct
from features.whole_file import replace_file

_FILES: Final = "challenger-{}.json"
_MODEL: Final = ("model",)


class ChallengerResult(Struct, frozen=True, kw_only=True):
    """What the challenger of a model knows, and how good it would have been.

    Parameters
    ----------
    model
        Its name.
    ended_at_us
        Processing time, microseconds since 1970 UTC.
    outcomes
        All that it has learned from.
    scored
        Scores that ``prequential`` is of.
    prequential
        Figures by name: each score by what the challenger could have known when it was asked.

    """

    model: str
    ended_at_us: int
    outcomes: int
    scored: int
    prequential: dict[str, float]


def save_challenger_result(result: ChallengerResult, reports: Path) -> None:
    """Replace the outcome of the model's run before, atomically.

    Parameters
    ----------
    result
        Of the run that has just ended.
    reports
        ``reports/`` of the domain's state folder; it is made.

    """
    replace_file(reports / _FILES.format(result.model), msgspec.json.encode(result))


class ChallengerCollector(Collector):
    """Reads the outcomes when Prometheus asks; without one it shows no samples.

    Parameters
    ----------
    reports
        ``reports/`` of the domain's state folder.

    """

    def __init__(self, reports: Path) -> None:
        self._reports = reports

    def collect(self) -> Iterator[Metric]:
        """Gauges of the last run of each model.

        Yields
        ------
        Metric
            ``millstream_challenger_outcomes``, ``_scored``, ``_prequential`` and ``_last_run_timestamp_seconds``.

        """
        outcomes = _gauge("outcomes", "Outcomes that the model's challenger has learned from.", _MODEL)
        scored = _gauge("scored", "Scores that its prequential figures are of.", _MODEL)
        figures = _gauge(
            "prequential", "How good it would have been, each score by what it could have known.", (*_MODEL, "figure")
        )
        last_run = _gauge("last_run_timestamp_seconds", "When it last learned.", _MODEL)
        for result in self._results():
            outcomes.add_metric([result.model], result.outcomes)
            scored.add_metric([result.model], result.scored)
            last_run.add_metric([result.model], result.ended_at_us / 1e6)
            for name, value in sorted(result.prequential.items()):
                figures.add_metric([result.model, name], value)
        yield from (outcomes, scored, figures, last_run)

    def _results(self) -> Iterator[ChallengerResult]:
        for file in sorted(self._reports.glob(_FILES.format("*"))):
            try:
                yield msgspec.json.decode(file.read_bytes(), type=ChallengerResult)
            except (OSError, msgspec.MsgspecError):
                continue


def _gauge(name: str, text: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"millstream_challenger_{name}", text, labels=labels)
