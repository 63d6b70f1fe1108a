"""Schemas beside the records that were written with them: ``_schemas/<id>.json`` in the lake."""

from __future__ import annotations

from features.lake.files import LakeFiles

FOLDER = "_schemas"


class SchemaShelf:
    """Keeps what is known of schemas in a lake, so that its readers need no registry.

    Parameters
    ----------
    files
        The lake's.

    """

    def __init__(self, files: LakeFiles) -> None:
        self._files = files

    def read(self, schema_id: int) -> bytes | None:
        """See `features.formats.schemas.Shelf.read`."""
        return self._files.read_beside(_name(schema_id))

    def write(self, schema_id: int, content: bytes) -> None:
        """See `features.formats.schemas.Shelf.write`."""
        self._files.write_beside(_name(schema_id), content)


def _name(schema_id: int) -> str:
    return f"{FOLDER}/{schema_id}.json"
