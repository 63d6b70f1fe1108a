"""The same loads by ghz, a load generator in Go that is none of ours, where `make ghz` has built it.

It is told of a proto file of its own, for it reads none with fields that are optional.

References
----------
https://ghz.sh

"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deploy.bench_score_process import NAME, SERVICE
from deploy.score_bench.contestant import IN_FLIGHT
from features.errors import NotServingError, UnavailableError

PROGRAM: Final = Path("var/go/bin/ghz")
N_ENTITIES: Final = 20_000
PATIENCE_S: Final = 30.0
MIN_CALLS: Final = 200
WORKERS: Final = 200
"""For an open loop: as many calls as may be late at once."""
PACKAGE: Final = SERVICE.rpartition(".")[0]
PROTO: Final = f"""\
syntax = "proto3";
package {PACKAGE};
service {SERVICE.rpartition(".")[2]} {{ rpc {NAME}(ScoreRequest) returns (ScoreResponse); }}
message Value {{ oneof kind {{ int64 integer = 2; }} }}
message ScoreRequest {{ map<string, Value> entity = 1; }}
message ScoreResponse {{ double score = 1; }}
"""


class Ghz:
    """Asks servers of one address each about the same entities; its files are below ``folder``.

    Raises
    ------
    UnavailableError
        It has not been built.

    """

    def __init__(self, folder: Path, users: Sequence[int]) -> None:
        if not PROGRAM.exists():
            raise UnavailableError("ghz", "is not built; run `make ghz`, which needs Go")
        self._proto, self._data = folder / "bench.proto", folder / "requests.json"
        self._proto.write_text(PROTO)
        asked = [{"entity": {"user_id": {"integer": user}}} for user in users[:N_ENTITIES]]
        self._data.write_text(json.dumps(asked))

    def measure(self, address: str, seconds: float, paces: Mapping[str, float]) -> dict[str, Any]:
        """Latencies alone, together, and in an open loop; ``paces`` are about as many calls a second as each has."""
        loads = {
            "alone": ("--concurrency=1",),
            "together": (f"--concurrency={IN_FLIGHT}",),
            "half_load": ("--async", f"--rps={paces['half_load']:.0f}", f"--concurrency={WORKERS}"),
        }
        return {
            name: self._run(address, max(MIN_CALLS, round(paces[name] * seconds)), *load)
            for name, load in loads.items()
        }

    def _run(self, address: str, n_calls: int, *load: str) -> dict[str, float]:
        command = (
            str(PROGRAM.resolve()),
            "--insecure",
            f"--proto={self._proto}",
            f"--call={SERVICE}.{NAME}",
            f"--data-file={self._data}",
            f"--total={n_calls}",
            "--cpus=1",
            "--format=json",
            *load,
            address,
        )
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            raise NotServingError("ghz", f"had not made {n_calls} calls after {PATIENCE_S:.0f} s") from None
        if done.returncode:
            raise NotServingError("ghz", f"ended with code {done.returncode}: {done.stderr.strip()[-300:]}")
        return to_figures(json.loads(done.stdout))


def to_figures(report: dict[str, Any]) -> dict[str, float]:
    """What a report of ghz says, in our own terms."""
    failed = report["count"] - report["statusCodeDistribution"].get("OK", 0)
    if failed:
        raise NotServingError("ghz", f"had no answer to {failed} of {report['count']} calls")
    by_share = {each["percentage"]: each["latency"] / 1e6 for each in report["latencyDistribution"]}
    return {
        "p50_ms": round(by_share[50], 4),
        "p99_ms": round(by_share[99], 4),
        "per_second": round(report["rps"]),
        "calls": report["count"],
    }
