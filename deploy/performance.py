"""``make performance``: every bench but `faults`, in turn, and ``docs/performance.md`` from what they answered.

``python -m deploy.performance`` runs them all; with names it runs those, and takes the others' last answers, which
are kept in ``var/performance``.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.machine import describe_machine
from deploy.performance_page import TITLES, performance_page
from features.errors import RequestError

KEPT: Final = Path("var/performance")
PAGE: Final = Path("docs/performance.md")
OPTIONS: Final = {"stream": ("--peers",), "score": ("--peers",)}
DEADLINE_S: Final = 3_600.0


def main(benches: Sequence[str]) -> None:
    """Run these, and write the page."""
    unknown = set(benches) - set(TITLES)
    if unknown:
        raise RequestError("performance", f"there is no bench {min(unknown)!r} in it", f"there are {', '.join(TITLES)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    for bench in benches or TITLES:
        (KEPT / f"{bench}.json").write_text(json.dumps(ask(bench), indent=1))
    answers = {path.stem: json.loads(path.read_text()) for path in sorted(KEPT.glob("*.json"))}
    PAGE.write_text(performance_page(describe_machine(), answers))


def ask(bench: str) -> dict[str, Any]:
    """What a bench answers, whether or not it reaches its bar; where it fails, the reason."""
    command = (sys.executable, "-m", "millstream", "bench", bench, *OPTIONS.get(bench, ()), "--json")
    taken_on = f"{datetime.now(UTC):%Y-%m-%d}"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            said, _ = running.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)  # not killed: it has servers to stop
            running.communicate()
            return {"reason": f"it had not ended after {DEADLINE_S:.0f} s", "taken_on": taken_on}
        except KeyboardInterrupt:
            running.wait()  # it was interrupted too, and stops its servers
            raise
    lines = said.strip().splitlines()
    answer: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    if "passed" not in answer:
        problem = answer.get("error", {}).get("message", f"it ended with exit code {running.returncode}")
        answer = {"reason": problem.rstrip(".")}
    return {**answer, "taken_on": taken_on}


if __name__ == "__main__":
    main(sys.argv[1:])
