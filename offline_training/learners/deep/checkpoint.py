"""A fit on its way, as a file that is replaced after each epoch: what was killed goes on from there."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import jax
import msgspec
import numpy as np

from features.whole_file import replace_file
from offline_training.learners.deep.course import Course
from offline_training.learners.deep.descent import Position
from offline_training.learners.deep.network import Network

_COURSE = "course"


class Checkpoint(NamedTuple):
    """All that the next epoch depends on, and the network after the best epoch so far."""

    course: Course
    position: Position
    best: Network


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file, as a whole or not at all."""
    arrays: dict[str, Any] = {str(number): leaf for number, leaf in enumerate(jax.tree.leaves(checkpoint[1:]))}
    arrays[_COURSE] = np.frombuffer(msgspec.json.encode(checkpoint.course), dtype=np.uint8)
    content = BytesIO()
    np.savez(content, **arrays)
    replace_file(path, content.getvalue())


def read_checkpoint(path: Path, fresh: Checkpoint) -> Checkpoint:
    """What a file holds of a fit that began as ``fresh``, or that where there is no file, or none that is whole."""
    leaves, structure = jax.tree.flatten(fresh[1:])
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            course = msgspec.json.decode(held[_COURSE].tobytes(), type=Course)
            position, best = jax.tree.unflatten(structure, [held[str(number)] for number in range(len(leaves))])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, msgspec.MsgspecError):
        return fresh
    return Checkpoint(course, position, best)
