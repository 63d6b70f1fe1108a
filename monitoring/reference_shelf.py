"""The references of all models, found in the folders that model sync fills."""

from __future__ import annotations

from pathlib import Path

import msgspec

from features.bundle import REFERENCE
from features.errors import BundleCorruptError
from features.routing import ARMS, Arm
from monitoring.reference import Reference, read_reference


class Serving(msgspec.Struct, frozen=True):
    """A pointer: which version serves as one arm of a model, and where its bundle is.

    Parameters
    ----------
    version, digest
        Of the bundle.
    path
        Its folder, relative to the pointer.

    """

    version: str
    path: str
    digest: str


class ReferenceShelf:
    """Finds the reference sample of the very version that a record names.

    Parameters
    ----------
    models_dir
        ``models/`` of a domain's state folder: ``<model>/<arm>.json`` and ``<model>/<version>/``.

    """

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir

    def serving(self, model: str) -> list[Serving]:
        """The pointers of a model, the champion's first.

        Parameters
        ----------
        model
            Its name.

        Returns
        -------
        list of Serving
            One an arm that has a version; empty where the name is not that of a model here.

        Raises
        ------
        BundleCorruptError
            A pointer is there and does not read.

        """
        folder = self._folder(model)
        pointers = [] if folder is None else [_read(folder, arm) for arm in ARMS]
        return [pointer for pointer in pointers if pointer is not None]

    def find(self, model: str, version: str) -> Reference | None:
        """What a version was trained on.

        Parameters
        ----------
        model, version
            As a score record names them.

        Returns
        -------
        Reference or None
            None where no bundle of that version is here.

        Raises
        ------
        BundleCorruptError
            The bundle is here and its reference does not read.

        """
        folder = self._folder(model)
        if folder is None:
            return None
        homes = [folder / serving.path for serving in self.serving(model) if serving.version == version]
        if _is_plain(version):
            homes.append(folder / version)
        for home in homes:
            if (home / REFERENCE).is_file():
                return read_reference(home / REFERENCE)
        return None

    def _folder(self, model: str) -> Path | None:
        """Folder of a model; None for a name that would lead elsewhere: anyone who may produce could send one."""
        folder = self._models_dir / model
        return folder if _is_plain(model) and folder.is_dir() else None


def _read(folder: Path, arm: Arm) -> Serving | None:
    pointer = folder / f"{arm}.json"
    try:
        return msgspec.json.decode(pointer.read_bytes(), type=Serving)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise BundleCorruptError(str(pointer), f"is not a pointer ({error})") from error


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name and name not in {".", ".."}
