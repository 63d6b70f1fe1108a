"""What a worker process loads."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("feast", "mlflow", "pandas", "evidently", "sklearn", "onnxruntime", "lightgbm", "grpc")


def test_the_worker_loads_no_heavy_library() -> None:
    """Feast and pandas cost seconds at the start and long collector pauses; the plan is all that it needs of them."""
    program = f"import sys, streams.run; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
