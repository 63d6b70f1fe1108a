"""The model registry: MLflow, behind the few verbs that training needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from features.bundle import Bundle, Manifest
from features.errors import RegistryUnavailableError
from features.mlflow_client import open_client

CHAMPION = "champion"
BUNDLE_FOLDER = "bundle"
PLOTS_FOLDER = "plots"

_APPROVED = "approved"
_REJECTED = "rejected"


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A version that the registry now holds."""

    version: str
    run_id: str


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model, as the registry lists it; tags are empty where another tool made the version."""

    model: str
    version: str
    aliases: tuple[str, ...]
    digest: str
    plan_hash: str
    approval: str
    roc_auc: float | None
    created_us: int


class Registry:
    """An MLflow server (http) or its database (sqlite)."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def require_answer(self) -> None:
        """RegistryUnavailableError now rather than after a training."""
        with self._client() as client:
            client.search_experiments(max_results=1)

    def publish(
        self, bundle: Bundle, plots: Path, *, params: Mapping[str, Any], approved: bool, approved_by: str
    ) -> Published:
        """Log a run with metrics, plots and card, and register the bundle as a new version of its model."""
        manifest = bundle.manifest
        with self._client() as client:
            run = client.create_run(self._experiment(client, manifest.project), run_name=manifest.model)
            run_id = str(run.info.run_id)
            for name, value in params.items():
                client.log_param(run_id, name, value)
            for name, metric in manifest.metrics.items():
                client.log_metric(run_id, name, metric)
            client.log_artifacts(run_id, str(bundle.path), BUNDLE_FOLDER)
            client.log_artifacts(run_id, str(plots), PLOTS_FOLDER)
            client.set_terminated(run_id)
            self._ensure_model(client, manifest)
            version = client.create_model_version(
                manifest.model,
                source=f"{run.info.artifact_uri}/{BUNDLE_FOLDER}",
                run_id=run_id,
                tags=_version_tags(bundle, approved=approved, approved_by=approved_by),
                await_creation_for=0,
            )
            return Published(version=str(version.version), run_id=run_id)

    def promote(self, model: str, version: str, alias: str = CHAMPION) -> str | None:
        """Point an alias at a version; returns the version that it pointed at before."""
        with self._client() as client:
            before = client.get_registered_model(model).aliases.get(alias)
            client.set_registered_model_alias(model, alias, version)
            return None if before is None else str(before)

    def list_models(self, project: str) -> list[ModelVersion]:
        """Every version of the project's models, newest first within a model."""
        with self._client() as client:
            models = [m for m in client.search_registered_models() if m.tags.get("project") == project]
            return [
                _listed(found, models_aliases=model.aliases, metrics=self._metrics(client, found.run_id))
                for model in sorted(models, key=lambda m: str(m.name))
                for found in sorted(
                    client.search_model_versions(f"name = '{model.name}'"), key=lambda v: -int(v.version)
                )
            ]

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A client; what MLflow raises becomes RegistryUnavailableError."""
        client = open_client(self.uri)
        from mlflow.exceptions import MlflowException  # loaded by now

        try:
            yield client
        except (MlflowException, OSError) as error:
            raise RegistryUnavailableError(f"registry {self.uri}", str(error).splitlines()[0]) from error

    @staticmethod
    def _experiment(client: Any, project: str) -> str:
        found = client.get_experiment_by_name(project)
        return str(found.experiment_id if found is not None else client.create_experiment(project))

    @staticmethod
    def _ensure_model(client: Any, manifest: Manifest) -> None:
        if not client.search_registered_models(f"name = '{manifest.model}'"):
            client.create_registered_model(manifest.model, tags={"project": manifest.project})

    @staticmethod
    def _metrics(client: Any, run_id: str | None) -> Mapping[str, float]:
        return dict(client.get_run(run_id).data.metrics) if run_id else {}


def _version_tags(bundle: Bundle, *, approved: bool, approved_by: str) -> dict[str, str]:
    manifest = bundle.manifest
    return {
        "digest": bundle.digest,
        "plan_hash": manifest.plan_hash,
        "approval": _APPROVED if approved else _REJECTED,
        "approved_by": approved_by,
        **{f"view_hash.{view}": digest for view, digest in manifest.view_hashes.items()},
    }


def _listed(found: Any, *, models_aliases: Mapping[str, str], metrics: Mapping[str, float]) -> ModelVersion:
    version = str(found.version)
    return ModelVersion(
        model=str(found.name),
        version=version,
        aliases=tuple(sorted(alias for alias, aliased in models_aliases.items() if str(aliased) == version)),
        digest=found.tags.get("digest", ""),
        plan_hash=found.tags.get("plan_hash", ""),
        approval=found.tags.get("approval", ""),
        roc_auc=metrics.get("roc_auc"),
        created_us=int(found.creation_timestamp) * 1_000,
    )
