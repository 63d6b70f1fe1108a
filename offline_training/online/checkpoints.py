"""What was known after so many outcomes, kept on disk: each line a state, with the hash of all that went into it.

The file is for speed only. A state that was not folded from the very outcomes that there are now is never gone on from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from offline_training.online.river_model import RiverState

EVERY: Final = 250
"""Outcomes from one checkpoint to the next."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``digest`` is of the model file's settings and of the first ``outcomes``, with their rows."""

    outcomes: int
    digest: str
    state: RiverState


class Checkpoints:
    """Those of one model: appended one by one, so that a process that is killed loses what came after the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[Checkpoint] = []
        self._whole = True
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        for number, line in enumerate(lines):
            try:
                self._kept.append(msgspec.json.decode(line, type=Checkpoint))
            except msgspec.MsgspecError:  # cut short by a kill, or nothing behind the last line
                self._whole = number == len(lines) - 1 and not line
                break

    def matching(self, digests: Sequence[str]) -> list[Checkpoint]:
        """The first of them, as far as they are of these outcomes; ``digests`` are of each `EVERY` outcomes."""
        matching = []
        for kept, digest in zip(self._kept, digests, strict=False):
            if kept.digest != digest:
                break
            matching.append(kept)
        return matching

    def append(self, checkpoint: Checkpoint) -> None:
        """Keep another, in its place: whatever stood there or behind it is of other outcomes."""
        place = checkpoint.outcomes // EVERY - 1
        line = msgspec.json.encode(checkpoint) + b"\n"
        if place == len(self._kept) and self._whole:
            with self._path.open("ab") as file:
                file.write(line)
        else:
            fresh = self._path.with_suffix(".tmp")
            fresh.write_bytes(b"".join(msgspec.json.encode(kept) + b"\n" for kept in self._kept[:place]) + line)
            fresh.replace(self._path)
            self._whole = True
        self._kept = [*self._kept[:place], checkpoint]
