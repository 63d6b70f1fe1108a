"""The bytes of a record, read as the declared columns: one message format a file.

Whatever the format, a record becomes the same struct by the same rules (`features.formats.record`), so that one row
sent in any of them gives the same columns, or the same refusal.
"""

from features.formats.opening import open_parser

__all__ = ["open_parser"]
