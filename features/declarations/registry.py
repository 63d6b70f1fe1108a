"""Feast's registry: opened with its path resolved, and brought to what a domain declares."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from feast import FeatureStore, Project, RepoConfig
from feast.data_source import DataSource
from feast.errors import ProjectObjectNotFoundException
from feast.feature_view import DUMMY_ENTITY
from feast.repo_contents import RepoContents
from feast.repo_operations import extract_objects_for_apply_delete

from features.declarations.objects import Declared, domain_files, quiet_feast
from features.domain import STORE_FILE
from features.plan import Plan
from features.settings import StoreSettings, addresses

APPLIED_TAG = "millstream.applied"
VIEW_TAG = "millstream.view_hash"


def client_config(repo: Path, var: Path, store: StoreSettings) -> str:
    """``feature_store.yaml`` for a Feast client anywhere: absolute paths of registry and state, the store's address.

    A password is named by its variable, which Feast expands, and not written down.
    """
    config = _config(repo, (repo / STORE_FILE).read_text(encoding="utf-8"))
    config["online_store"] = {**config["online_store"], **_online_store(store)}
    config["offline_store"] = {**config["offline_store"], "var": str(var.resolve())}
    return yaml.safe_dump(config, sort_keys=False)


def _online_store(store: StoreSettings) -> dict[str, str]:
    """How Feast's Redis store is told of a server, a cluster or Sentinels."""
    options = [] if store.cluster else [f"db={store.database}"]
    if store.username:
        options.append(f"username={store.username}")
    if store.password:
        options.append("password=${MILLSTREAM_STORE__PASSWORD}")
    if store.tls:
        files = {"ssl_ca_certs": store.ca_file, "ssl_certfile": store.cert_file, "ssl_keyfile": store.key_file}
        options += ["ssl=true", *(f"{name}={path.resolve()}" for name, path in files.items() if path is not None)]
    kind = {"redis_type": "redis_cluster"} if store.cluster else {}
    if store.sentinels:
        kind = {"redis_type": "redis_sentinel", "sentinel_master": store.sentinel_service}
    servers = addresses(store.cluster or store.sentinels) or (f"{store.host}:{store.port}",)
    return {**kind, "connection_string": ",".join((*servers, *options))}


def _open_registry(repo: Path) -> Any:
    """Feast's `FeatureStore` of the domain without an online store, so that it touches none."""
    config = _config(repo, os.path.expandvars((repo / STORE_FILE).read_text(encoding="utf-8")))
    config["online_store"] = None
    return FeatureStore(config=RepoConfig(**config, repo_path=repo))


def _config(repo: Path, text: str) -> dict[str, Any]:
    """The configuration, its registry resolved: a relative SQLite file lies in the domain folder."""
    config: dict[str, Any] = yaml.safe_load(text)
    config["registry"] = {**config["registry"], "path": _resolved(repo, str(config["registry"]["path"]))}
    return config


def apply_to_registry(repo: Path, declared: Declared, plan: Plan) -> bool:
    """Apply what changed and delete what is gone; False, with nothing written, when all is as it was applied.

    The online store is left alone: sweeping old fields is the engine's, once a new birth serves.
    """
    with quiet_feast():
        store = _open_registry(repo)
        fingerprint = _fingerprint(repo, plan)
        if _applied(store, plan.project) == fingerprint:
            return False
        hashes = {view.name: view.hash for view in plan.views}
        for view in declared.stream_views:  # Feast's equality ignores aggregations, but not tags
            view.tags = {**view.tags, VIEW_TAG: hashes[view.name]}
        to_apply, to_delete, _, _ = extract_objects_for_apply_delete(plan.project, store.registry, _contents(declared))
        store.apply(to_apply, objects_to_delete=to_delete, partial=False)
        store.registry.apply_project(Project(name=plan.project, tags={APPLIED_TAG: fingerprint}))
    return True


def known_projects(repo: Path) -> list[str]:
    """Projects that share the domain's registry."""
    with quiet_feast():
        return [project.name for project in _open_registry(repo).registry.list_projects()]


def _resolved(repo: Path, path: str) -> str:
    """The registry's address with a relative SQLite file taken from the domain folder."""
    head, separator, file = path.partition("sqlite:///")
    if head or not separator or not file or file == ":memory:" or Path(file).is_absolute():
        return path
    return f"sqlite:///{repo / file}"


def _fingerprint(repo: Path, plan: Plan) -> str:
    """What an apply depends on: the plan, and the text of every file that Feast would import."""
    digest = hashlib.sha256(plan.hash.encode())
    for path in sorted([repo / STORE_FILE, *domain_files(repo)]):
        digest.update(path.relative_to(repo).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def _applied(store: Any, project: str) -> str | None:
    """Fingerprint of the last apply; None where there was none."""
    try:
        tags: Mapping[str, str] = store.registry.get_project(project).tags
    except ProjectObjectNotFoundException:
        return None
    return tags.get(APPLIED_TAG)


def _contents(declared: Declared) -> Any:
    """The declarations in the form that Feast's own command line collects them."""
    sources: list[Any] = []
    for view in (*declared.stream_views, *declared.batch_views):
        sources += [view.batch_source, view.stream_source]
    for source in declared.sources:
        sources += [source, source.batch_source]
    for view in declared.request_views:
        sources += view.source_request_sources.values()
    unique = {source.name: source for source in sources if isinstance(source, DataSource)}
    return RepoContents(
        projects=[],
        data_sources=list(unique.values()),
        entities=[*declared.entities, DUMMY_ENTITY],
        feature_views=list(declared.batch_views),
        feature_services=list(declared.services),
        on_demand_feature_views=list(declared.request_views),
        stream_feature_views=list(declared.stream_views),
        label_views=[],
        permissions=[],
    )
