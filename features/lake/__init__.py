"""The event lake: every record that the stream read is one row of it, for good."""

from features.lake.check import Finding
from features.lake.files import Piece
from features.lake.lake import Lake, open_lake
from features.lake.rows import LakeBatch, declared_name
from features.lake.site import open_site_lake

__all__ = ["Finding", "Lake", "LakeBatch", "Piece", "declared_name", "open_lake", "open_site_lake"]
