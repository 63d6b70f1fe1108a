"""Environments of their own for the Python peers whose frameworks do not install beside ours."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from features.errors import UnavailableError

PROJECT: Final = Path(__file__).parents[2]
PYTHONS: Final = ">=3.11,<3.13"
"""Versions that all of them have wheels for; one of them must be on the machine."""
DEADLINE_S: Final = 600.0
VARIABLES: Final = {"PYTHONPATH": ""}
"""What a peer's environment needs: our packages come last there, and none of those that ours are installed with."""


def install(peer: str, folder: Path, requirements: Path) -> None:
    """Make a virtual environment of exactly these packages, from which our peers can be imported; the next time, look.

    Raises
    ------
    UnavailableError
        There is no uv, or the packages cannot be had.

    """
    stamp = folder / "installed"
    wanted = hashlib.sha256(f"{sys.version}{PROJECT}{requirements.read_text()}".encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    uv = _uv(peer)
    _run(peer, uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", PYTHONS, str(folder / "venv"))
    pip = (
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        str(python(folder)),
        "--require-hashes",
        "--only-binary",
        ":all:",
    )
    _run(peer, *pip, "--compile-bytecode", "-r", str(requirements))
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "millstream.pth").write_text(f"{PROJECT}\n")  # behind the environment's own packages, not before them
    stamp.write_text(wanted)


def python(folder: Path) -> Path:
    """The interpreter of the environment below a folder."""
    return folder / "venv" / "bin" / "python"


def _uv(peer: str) -> str:
    """Uv beside our interpreter or on PATH."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise UnavailableError(peer, "needs uv to install it; run `make setup`, or put uv on PATH")
    return found


def _run(peer: str, *command: str) -> None:
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        raise UnavailableError(peer, f"cannot be installed within {DEADLINE_S:.0f} s") from None
    if done.returncode:
        raise UnavailableError(peer, f"cannot be installed: {done.stderr.strip()[-500:]}")
