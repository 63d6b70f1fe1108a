"""Java peers: built by Maven from the sources beside this file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from features.errors import UnavailableError

SOURCES: Final = Path(__file__).parent / "java"
PROGRAMS: Final = ("java", "javac", "mvn")
DEADLINE_S: Final = 600.0
MACHINE: Final = ("-Xms2g", "-Xmx2g", "-XX:+UseSerialGC")
"""For one core. The second compiler stays on: it takes more than it gives over the first 400,000 events (7.2 µs of
processor time an event with it, 4.3 without), and halves their time after a million, which is where the bench looks."""
QUIET: Final = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


def build(peer: str, folder: Path, project: str) -> None:
    """Compile a project, and gather its jars, below a folder; the next time, look.

    Raises
    ------
    UnavailableError
        There is no Java, no compiler of it or no Maven, or the jars cannot be had.

    """
    for program in PROGRAMS:
        if shutil.which(program) is None:
            raise UnavailableError(peer, f"needs {program} on PATH; run `make servers`")
    stamp, wanted = folder / "built", _fingerprint(project)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    for stale in ("classes", "jars"):
        shutil.rmtree(folder / stale, ignore_errors=True)
    command = ("mvn", "-q", "-B", "-f", str(SOURCES / project), "prepare-package", f"-Dto={folder.resolve()}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        raise UnavailableError(peer, f"cannot be built within {DEADLINE_S:.0f} s") from None
    if done.returncode:
        raise UnavailableError(peer, f"cannot be built: {done.stdout.strip()[-500:]}")
    stamp.write_text(wanted)


def java(folder: Path, scratch: Path, main: str, *arguments: str) -> Sequence[str]:
    """The command that runs what was built; what it leaves behind it leaves in ``scratch``."""
    path = os.pathsep.join([str(folder / "classes"), str(folder / "jars" / "*")])
    return ("java", *MACHINE, QUIET, f"-Djava.io.tmpdir={scratch}", "-cp", path, main, *arguments)


def _fingerprint(project: str) -> str:
    """Changes with the project and with every source."""
    found = hashlib.sha256((SOURCES / project).read_bytes())
    for source in sorted(SOURCES.rglob("*.java")):
        found.update(source.read_bytes())
    return found.hexdigest()
