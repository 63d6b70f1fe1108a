"""The command line as a user runs it, on a state folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]


class Answer(NamedTuple):
    """What one call said. ``data`` is the JSON object of the last line."""

    code: int
    data: Mapping[str, Any]
    stdout: str
    stderr: str


class Millstream:
    """Runs verbs of one domain."""

    def __init__(self, repo: Path, var: Path, **environment: str) -> None:
        self.repo = repo
        self.var = var
        self.environment = {**os.environ, "MILLSTREAM_VAR": str(var), "MILLSTREAM_REPO": str(repo), **environment}

    def __call__(self, *arguments: str, expect: int | None = 0, deadline_s: float = 300.0) -> Mapping[str, Any]:
        """Run a verb with ``--json``; AssertionError unless it ends with that code (None: any) and one JSON object."""
        done = subprocess.run(
            [sys.executable, "-m", "millstream", *arguments, "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )
        assert expect in {None, done.returncode}, (
            f"{arguments}: {done.returncode}\n{done.stderr}\n{done.stdout}{self.logs()}"
        )
        assert "Traceback" not in done.stderr, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == 1, done.stdout
        data = json.loads(lines[0])
        assert isinstance(data, dict)
        return data

    def said(self, *arguments: str, deadline_s: float = 300.0) -> str:
        """What a verb prints for people; AssertionError unless it ends well."""
        done = subprocess.run(
            [sys.executable, "-m", "millstream", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr}\n{done.stdout}{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        """How the logs of the stack end."""
        files = sorted(self.var.glob("*/logs/*.log"))
        return "".join(f"\n--- {file.name}\n{file.read_text(errors='replace')[-1_500:]}" for file in files)
