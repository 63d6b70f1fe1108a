"""The demo starts from nothing, and loses nothing of anybody's doing so."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

MARK = "made_by_demo"


def make_room(state_dir: Path, now: datetime) -> Path | None:
    """Clear the state folder: what only a demo made is deleted, all else moved aside; where to."""
    if not state_dir.exists():
        return None
    if (state_dir / MARK).exists():
        shutil.rmtree(state_dir)
        return None
    aside = state_dir.with_name(f"{state_dir.name}.before-demo-{now:%Y%m%dT%H%M%S}")
    state_dir.rename(aside)
    return aside


def mark_as_demo(state_dir: Path) -> None:
    """Say that all in this folder was made by a demo."""
    state_dir.mkdir(parents=True, exist_ok=True)
    (state_dir / MARK).touch()


def forget_demo_mark(state_dir: Path) -> None:
    """Say that the folder is the user's from now on."""
    (state_dir / MARK).unlink(missing_ok=True)
