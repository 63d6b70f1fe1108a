"""The pointer files: which bundle serves as which arm of a model, and how requests are shared out among them.

Model sync writes them and scorers follow them. ``<models folder>/<model>/<arm>.json`` names a bundle by its path,
relative to the pointer, and by its digest; ``routing.json`` beside them is a `features.routing.Routing`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from features.errors import BundleCorruptError
from features.routing import ARMS, CHAMPION, Arm, Routing

CHAMPION_POINTERS: Final = f"*/{CHAMPION}.json"
"""Pattern of the champions of all models, below their folder."""

ROUTING_FILE: Final = "routing.json"

_T = TypeVar("_T")


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """The bundle that serves as one arm of a model."""

    model: str
    version: str
    path: str
    digest: str

    def bundle_path(self, pointer_file: Path) -> Path:
        """Folder of the bundle, given where this pointer was read."""
        return pointer_file.parent / self.path


def models_dir(state_dir: Path) -> Path:
    """Folder of all models of a domain."""
    return state_dir / "models"


def pointer_file(models: Path, model: str, arm: Arm = CHAMPION) -> Path:
    """Where the pointer of one arm of a model is."""
    return models / model / f"{arm}.json"


def routing_file(models: Path, model: str) -> Path:
    """Where the routing of a model is."""
    return models / model / ROUTING_FILE


def pointer_files(models: Path) -> Iterator[tuple[Arm, Path]]:
    """The pointers of all models, those of one model together and its champion first."""
    for champion in sorted(models.glob(CHAMPION_POINTERS)):
        for arm in ARMS:
            file = pointer_file(models, champion.parent.name, arm)
            if file.exists():
                yield arm, file


def read_pointer(path: Path) -> Pointer | None:
    """The pointer in a file, None where there is none; BundleCorruptError when it cannot be understood."""
    return _read(path, Pointer, "a pointer")


def read_routing(path: Path) -> Routing | None:
    """The routing in a file, None where there is none; BundleCorruptError when it cannot be understood."""
    return _read(path, Routing, "a routing")


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Replace the pointer atomically; it is on disk when this returns."""
    _write(path, pointer)


def write_routing(path: Path, routing: Routing) -> None:
    """Replace the routing atomically; it is on disk when this returns."""
    _write(path, routing)


def _read(path: Path, kind: type[_T], what: str) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise BundleCorruptError(str(path), f"is not {what} ({error})") from error


def _write(path: Path, content: msgspec.Struct) -> None:
    fresh = path.with_suffix(".tmp")
    with fresh.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=1))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
