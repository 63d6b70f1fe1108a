"""The environment of the foreign clients: ``python -m tests.clients.environment`` makes it, or finds it made."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.peers.environments import PROJECT, install, python

FOLDER: Final = PROJECT / "var" / "clients"
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")


def make() -> None:
    """Install the clients below ``var/``."""
    install("the clients of others", FOLDER, REQUIREMENTS)


def interpreter() -> Path | None:
    """The interpreter that has the clients; None where the environment was not made."""
    return python(FOLDER) if (FOLDER / "installed").exists() else None


if __name__ == "__main__":
    make()
