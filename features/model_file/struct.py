"""The shape that all parts of ``model.yaml`` share."""

import msgspec


class ModelStruct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shape shared by the parts of the file: immutable, exact about its keys."""
