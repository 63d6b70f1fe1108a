"""The domain folder itself: names of its Python files, and what its ``feature_store.yaml`` must say."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from features.domain import STORE_FILE, project_name
from features.errors import DomainError
from features.text_file import read_yaml

ROOMS = frozenset(
    {"deploy", "features", "grpc_api", "millstream", "monitoring", "offline_training", "streams", "tests"}
)
DEFINITIONS_FILE = "definitions.py"
ENGINE_CLASSES = MappingProxyType(
    {
        "offline_store": "features.feast_offline.MillstreamOfflineStore",
        "batch_engine": "features.feast_offline.MillstreamComputeEngine",
    }
)
"""Parts of ``feature_store.yaml`` that are the engine's, by class path."""


def check_file_names(repo: Path, files: Iterable[Path]) -> None:
    """Refuse a Python file that another module of its name would hide.

    Feast imports each file by its bare name with the folder at the end of ``sys.path``: ``features.py`` would give
    the engine's room, and the objects in the file would silently vanish.
    """
    for path in sorted(files):
        name = path.relative_to(repo).parts[0].removesuffix(".py")
        if name in ROOMS or name in sys.stdlib_module_names or name == "feast":
            whose = "a room of the engine" if name in ROOMS else "a module of Python or Feast"
            raise DomainError(str(path), f"is named like {whose}, which Feast would import instead", "rename it")
    if not (repo / DEFINITIONS_FILE).is_file():
        raise DomainError(str(repo / DEFINITIONS_FILE), "is missing", "declare the domain's Feast objects there")


def read_store_config(repo: Path) -> Mapping[str, Any]:
    """Content of ``feature_store.yaml``, with the choices checked that the engine depends on."""
    path = repo / STORE_FILE
    project_name(repo)
    config: dict[str, Any] = read_yaml(path)
    if config.get("entity_key_serialization_version") != 3:
        raise DomainError(
            f"{path}: entity_key_serialization_version",
            f"is {config.get('entity_key_serialization_version')!r}",
            "set it to 3, the layout that the engine writes",
        )
    registry = config.get("registry")
    if not isinstance(registry, Mapping) or registry.get("registry_type") != "sql":
        raise DomainError(
            f"{path}: registry",
            "is not a SQL registry; a file registry makes a new version at each apply",
            "set registry_type: sql and path: sqlite:///registry.db",
        )
    online = config.get("online_store")
    if not isinstance(online, Mapping) or online.get("type") != "redis":
        raise DomainError(f"{path}: online_store", "is not Redis", "set type: redis and connection_string: host:port")
    for key, class_path in ENGINE_CLASSES.items():
        chosen = config.get(key)
        if not isinstance(chosen, Mapping) or chosen.get("type") != class_path:
            raise DomainError(
                f"{path}: {key}",
                "is none that knows the engine's windows, so Feast's own verbs would give other numbers",
                f"set type: {class_path}",
            )
    if "://" in str(online.get("connection_string", "")):
        raise DomainError(f"{path}: online_store.connection_string", "is a URL", "write host:port, as Feast reads it")
    return config


def key_ttl_s(repo: Path, config: Mapping[str, Any], remembered_us: int | None) -> int | None:
    """After how long without a write an entity expires; None: never.

    Refuses a time in which a state can still be in use: ``remembered_us`` is how long an event can count after it came,
    None for ever. So an entity that expires has nothing left in any window, and is one that was never seen.
    """
    ttl_s = config["online_store"].get("key_ttl_seconds")
    if ttl_s is None:
        return None
    where = f"{repo / STORE_FILE}: online_store.key_ttl_seconds"
    if not isinstance(ttl_s, int) or ttl_s <= 0:
        raise DomainError(where, f"is {ttl_s!r}", "give whole seconds, or remove it")
    if remembered_us is None:
        raise DomainError(where, "would expire features since ever", "remove it")
    if ttl_s * 1_000_000 < remembered_us:
        needed_s = -(-remembered_us // 1_000_000)
        raise DomainError(
            where,
            f"of {ttl_s} s is shorter than an event can count: {needed_s} s, which is the longest window, its hop, and"
            " how far an event may be ahead of its time",
            "raise or remove it",
        )
    return ttl_s


def check_project_suffix(project: str, others: Iterable[str]) -> None:
    """Refuse a project whose name ends another's: Feast deletes by the pattern ``*<project>``."""
    for other in sorted(set(others) - {project}):
        shorter, longer = sorted((project, other), key=len)
        if longer.endswith(shorter):
            raise DomainError(
                f"project {project}",
                f"{shorter!r} is the end of {longer!r}, so Feast's deletions in one would reach the other",
                "choose a name that is no suffix of another project's",
            )
