"""Tables that stand elsewhere than in the lake, by URL: files here or in an object store, and databases.

A URL may name secrets by placeholders; only `offline_training.sources.address` ever sees their values.
"""

from offline_training.sources.address import Address, address_of
from offline_training.sources.reading import read_source

__all__ = ["Address", "address_of", "read_source"]
