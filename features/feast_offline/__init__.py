"""Feast's offline store and batch engine over the lake: Feast's own verbs give the numbers that the stream gives.

``feature_store.yaml`` names them by class path. `MillstreamOfflineStore` answers ``get_historical_features``,
`MillstreamComputeEngine` runs ``feast materialize``. Only Feast imports this package, and it imports Feast.
"""

from features.feast_offline.compute_engine import MillstreamComputeEngine, MillstreamComputeEngineConfig
from features.feast_offline.offline_store import MillstreamOfflineStore, MillstreamOfflineStoreConfig

__all__ = [
    "MillstreamComputeEngine",
    "MillstreamComputeEngineConfig",
    "MillstreamOfflineStore",
    "MillstreamOfflineStoreConfig",
]
