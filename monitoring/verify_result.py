"""The outcome of the last `millstream verify`, kept where the monitor can show it to Prometheus.

The verifier is a command that ends, and Prometheus asks processes that stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from features.nouns import Struct
from features.whole_file import replace_file

FILE = "verify.json"

TEXTS = {
    "checked": "Score records that the last run of verify checked.",
    "mismatched": "Score records that it could not prove.",
    "waiting": "Score records that the lake did not cover yet.",
    "lake_faults": "Gaps, doubled and changed rows in the lake.",
    "last_run_timestamp_seconds": "When it ended.",
}


class VerifyResult(Struct, frozen=True, kw_only=True):
    """How a run of the verifier ended.

    Parameters
    ----------
    ended_at_us
        Processing time, microseconds since 1970 UTC.
    checked, mismatched, waiting
        Score records: proven or not, and not covered by the lake yet.
    lake_faults
        Gaps, doubled or changed rows that it met in the lake.

    """

    ended_at_us: int
    checked: int
    mismatched: int
    waiting: int
    lake_faults: int


def save_verify_result(result: VerifyResult, reports: Path) -> None:
    """Replace the outcome of the run before, atomically.

    Parameters
    ----------
    result
        Of the run that has just ended.
    reports
        ``reports/`` of the domain's state folder; it is made.

    """
    replace_file(reports / FILE, msgspec.json.encode(result))


class VerifyCollector(Collector):
    """Reads the outcome when Prometheus asks; without one it shows no samples.

    Parameters
    ----------
    reports
        ``reports/`` of the domain's state folder.

    """

    def __init__(self, reports: Path) -> None:
        self._path = reports / FILE

    def collect(self) -> Iterator[Metric]:
        """Gauges of the last run.

        Yields
        ------
        Metric
            ``millstream_verify_checked``, ``_mismatched``, ``_waiting``, ``_lake_faults`` and
            ``_last_run_timestamp_seconds``.

        """
        result = self._read()
        facts = msgspec.structs.asdict(result) if result is not None else {}
        if facts:
            facts["last_run_timestamp_seconds"] = facts["ended_at_us"] / 1e6
        for name, text in TEXTS.items():
            family = GaugeMetricFamily(f"millstream_verify_{name}", text)
            if name in facts:
                family.add_metric([], facts[name])
            yield family

    def _read(self) -> VerifyResult | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=VerifyResult)
        except (OSError, msgspec.MsgspecError):
            return None
