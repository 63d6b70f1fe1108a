"""The pointer file: which bundle of a model serves. Model sync writes it, scorers follow it.

``<models folder>/<model>/champion.json`` names a bundle by its path, relative to the pointer, and by its digest.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from features.errors import BundleCorruptError

ARM: Final = "champion"
POINTER: Final = f"{ARM}.json"


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


def pointer_file(models: Path, model: str) -> Path:
    """Where a model's pointer is."""
    return models / model / POINTER


def read_pointer(path: Path) -> Pointer | None:
    """The pointer in a file, None where there is none; BundleCorruptError when it cannot be understood."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pointer)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise BundleCorruptError(str(path), f"is not a pointer ({error})") from error


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Replace the pointer atomically; it is on disk when this returns."""
    fresh = path.with_suffix(".tmp")
    with fresh.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(pointer), indent=1))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
