"""FLAML, which searches over much the same algorithms, in the same time, for the same rows."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from deploy.peers import environments
from deploy.train_bench.tables import Table
from features.errors import UnavailableError
from offline_training.split import split_by_time

NAME: Final = "FLAML"
REQUIREMENTS: Final = Path(__file__).parent / "requirements" / "flaml.txt"
LONGEST_S: Final = 600.0
"""Beyond its budget, for its start and its last fit."""


def install_flaml(folder: Path) -> None:
    """Its environment below a folder that is kept between runs; UnavailableError where it cannot be had."""
    environments.install(NAME, folder, REQUIREMENTS)


def run_flaml(folder: Path, table: Table, *, budget_s: float, cores: int) -> dict[str, Any]:
    """What it finds and how good that is on the test rows; UnavailableError where it fails."""
    data, spec = table
    split = split_by_time(data.at_us, gap_us=spec.gap_us, span_us=spec.test_span_us)
    with TemporaryDirectory(prefix="millstream-bench-") as scratch:
        given, found = Path(scratch) / "given.npz", Path(scratch) / "found.json"
        np.savez(
            given,
            rows=data.rows[split.earlier],
            labels=data.labels[split.earlier],
            test_rows=data.rows[split.later],
            test_labels=data.labels[split.later],
            seconds=int(budget_s),
            cores=cores,
            seed=spec.seed,
        )
        command = (str(environments.python(folder)), "-m", "deploy.train_bench.flaml_fit", str(given), str(found))
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                env={**os.environ, **environments.VARIABLES},
                capture_output=True,
                text=True,
                timeout=budget_s + LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnavailableError(NAME, f"has not ended {LONGEST_S:.0f} s after its budget") from None
        if done.returncode:
            raise UnavailableError(NAME, f"ended with code {done.returncode}: {done.stderr.strip()[-500:]}")
        answer: dict[str, Any] = json.loads(found.read_text())
        return {"name": NAME, **answer}
