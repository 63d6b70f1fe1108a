"""One typed, frozen settings tree, a file for each part; it is read here only, and each room is handed its part.

Sources, strongest first: environment (``MILLSTREAM_`` with ``__`` between levels), files of the folder that
``MILLSTREAM_SECRETS`` names, the running stack's own addresses (``var/<project>/stack.json``, written by
``millstream up``), the defaults here.
"""

from features.settings.approval import ApprovalSettings
from features.settings.auth import AuthSettings
from features.settings.caller import CallerSettings
from features.settings.dask import DaskSettings
from features.settings.kafka import KafkaSettings
from features.settings.lake import LakeSettings
from features.settings.loading import load_settings
from features.settings.log import LogSettings
from features.settings.monitor import MonitorSettings
from features.settings.names import refuse_unknown_names, setting_names
from features.settings.part import Part
from features.settings.registry import RegistrySettings
from features.settings.schema_registry import SchemaRegistrySettings
from features.settings.scorer import ScorerSettings
from features.settings.store import StoreSettings, addresses
from features.settings.tls import TlsSettings
from features.settings.tracing import TracingSettings
from features.settings.tree import PREFIX, Settings
from features.settings.worker import WorkerSettings

__all__ = [
    "PREFIX",
    "ApprovalSettings",
    "AuthSettings",
    "CallerSettings",
    "DaskSettings",
    "KafkaSettings",
    "LakeSettings",
    "LogSettings",
    "MonitorSettings",
    "Part",
    "RegistrySettings",
    "SchemaRegistrySettings",
    "ScorerSettings",
    "Settings",
    "StoreSettings",
    "TlsSettings",
    "TracingSettings",
    "WorkerSettings",
    "addresses",
    "load_settings",
    "refuse_unknown_names",
    "setting_names",
]
