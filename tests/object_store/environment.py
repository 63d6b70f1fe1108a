"""The environment of the S3 server: ``python -m tests.object_store.environment`` makes it, or finds it made."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.peers.environments import PROJECT, install, python

FOLDER: Final = PROJECT / "var" / "object_store"
REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")


def make() -> None:
    """Install the server below ``var/``."""
    install("the S3 server", FOLDER, REQUIREMENTS)


def interpreter() -> Path | None:
    """The interpreter that has the server; None where the environment was not made."""
    return python(FOLDER) if (FOLDER / "installed").exists() else None


if __name__ == "__main__":
    make()
