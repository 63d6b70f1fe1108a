"""What the processes of this room do not import."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from grpc_api.stubs import ROOT


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running some code."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["grpc_api.server", "grpc_api.http2.server", "grpc_api.core"])
def test_the_server_imports_neither_feast_nor_mlflow_nor_pandas(module: str) -> None:
    """They would cost seconds at the start, hundreds of megabytes and long collections."""
    held = modules_after(f"import {module}")

    assert (
        held & {"feast", "mlflow", "pandas", "sklearn", "lightgbm", "faust", "evidently", "duckdb", "pyarrow"} == set()
    )
    assert "onnxruntime" in held


def test_the_client_loads_grpcio_and_the_stubs_alone() -> None:
    """So it starts in the time that grpcio takes, and needs little to be installed."""
    held = modules_after(
        "from millstream import AsyncClient, Client, Retries, ScoreResult, ServerUnavailableError, Tls"
    )

    ours = {
        "numpy",
        "msgspec",
        "onnxruntime",
        "pydantic",
        "structlog",
        "confluent_kafka",
        "hiredis",
        "prometheus_client",
    }
    assert held & (ours | {"deploy", "streams", "monitoring", "offline_training"}) == set()
    assert {"grpc", "google", "millstream", "grpc_api", "features"} <= held


def test_the_facade_loads_nothing_until_it_is_asked() -> None:
    """And says so of names that it does not have."""
    assert "grpc" not in modules_after("import millstream")
    with pytest.raises(subprocess.CalledProcessError):
        modules_after("from millstream import Nothing")
