"""The model registry: MLflow, behind the few verbs that training needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from features.bundle import Bundle, Manifest, read_bundle
from features.errors import CorruptError, RegistryUnavailableError, RequestError
from features.mlflow_client import open_client
from features.routing import ARMS, CHALLENGER, CHAMPION, ROUTING_TAG, SHADOW, Arm, Routing
from offline_training.search.outcome import SearchReport
from offline_training.search.tracking import log_search

KEPT_CHAMPIONS = 20
"""So many steps can a model be rolled back."""

BUNDLE_FOLDER = "bundle"
REPORTS_FOLDER = "reports"

APPROVED = "approved"
REJECTED = "rejected"

_CHAMPIONS_TAG = "champions"
"""The tag of a registered model that names its champions so far, the newest last."""


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


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who serves a model as what: the version of each arm that has one, the routing, and the champions so far."""

    model: str
    arms: dict[Arm, str]
    routing: Routing
    champions: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """For people."""
        for arm, version in self.arms.items():
            yield f"{self.model} {version:>3} serves as {arm}{self._share(arm)}"

    def _share(self, arm: Arm) -> str:
        shares = {CHALLENGER: self.routing.challenger, SHADOW: self.routing.shadow}
        if CHALLENGER in self.arms:
            shares[CHAMPION] = 1 - self.routing.challenger
        return f", {shares[arm]:.4g} of all by {', '.join(self.routing.by) or 'entity'}" if arm in shares else ""


class Champion(NamedTuple):
    """The version that serves, and its bundle."""

    version: str
    bundle: Bundle


class Registry:
    """An MLflow server (http) or its database (sqlite)."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def require_answer(self) -> None:
        """RegistryUnavailableError now rather than after a training."""
        with self._client() as client:
            client.search_experiments(max_results=1)

    def publish(
        self, bundle: Bundle, reports: Path, *, params: Mapping[str, Any], approved: bool, approved_by: str
    ) -> Published:
        """Log a run with metrics, reports and card, and register the bundle as a new version of its model."""
        manifest = bundle.manifest
        with self._client() as client:
            run = client.create_run(self._experiment(client, manifest.project), run_name=manifest.model)
            run_id = str(run.info.run_id)
            for name, value in params.items():
                client.log_param(run_id, name, value)
            for name, metric in manifest.metrics.items():
                client.log_metric(run_id, name, metric)
            client.log_artifacts(run_id, str(bundle.path), BUNDLE_FOLDER)
            client.log_artifacts(run_id, str(reports), REPORTS_FOLDER)
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

    def log_search(self, run_id: str, search: SearchReport) -> None:
        """Log a search's choice in the run of its training, and its trials as children of it."""
        with self._client() as client:
            log_search(client, run_id, search)

    def promote(self, model: str, version: str, arm: Arm = CHAMPION) -> str | None:
        """Let a version serve as an arm; returns the version that did before."""
        with self._client() as client:
            standing = _standing(client.get_registered_model(model))
            client.set_registered_model_alias(model, arm, version)
            if arm == CHAMPION:
                self._remember(client, model, (*standing.champions, version))
            return standing.arms.get(arm)

    def roll_back(self, model: str, champions: tuple[str, ...]) -> None:
        """Let the last of these serve again, and forget whatever came after it."""
        with self._client() as client:
            client.set_registered_model_alias(model, CHAMPION, champions[-1])
            self._remember(client, model, champions)

    def retire(self, model: str, arm: Arm) -> None:
        """Leave an arm without a version."""
        with self._client() as client:
            client.delete_registered_model_alias(model, arm)

    def route(self, model: str, routing: Routing) -> None:
        """Share out a model's requests anew."""
        with self._client() as client:
            client.set_registered_model_tag(model, ROUTING_TAG, msgspec.json.encode(routing).decode())

    def approve(self, model: str, version: str, *, by: str) -> None:
        """Write down that somebody approves a version."""
        with self._client() as client:
            client.set_model_version_tag(model, version, "approval", APPROVED)
            client.set_model_version_tag(model, version, "approved_by", by)

    def champion(self, model: str, folder: Path) -> Champion | None:
        """The version that serves, downloaded below a folder; None where none does."""
        with self._client() as client:
            if not client.search_registered_models(f"name = '{model}'"):
                return None
            version = _standing(client.get_registered_model(model)).arms.get(CHAMPION)
            if version is None:
                return None
            from mlflow.artifacts import download_artifacts

            uri = client.get_model_version_download_uri(model, version)
            path = Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self.uri))
        return Champion(version, read_bundle(path))

    def standing(self, model: str) -> Standing:
        """Who serves a model as what; RequestError where there is no such model."""
        with self._client() as client:
            if not client.search_registered_models(f"name = '{model}'"):
                raise RequestError("MODEL", f"{model!r} is not in the registry", "train it first: millstream train")
            return _standing(client.get_registered_model(model))

    def version(self, model: str, version: str) -> ModelVersion:
        """One version of a model; RequestError where there is none of that number."""
        with self._client() as client:
            found = client.search_model_versions(f"name = '{model}'")
            for each in found:
                if str(each.version) == version:
                    aliases = client.get_registered_model(model).aliases
                    return _listed(each, models_aliases=aliases, metrics=self._metrics(client, each.run_id))
        there = ", ".join(sorted((str(each.version) for each in found), key=int)) or "none"
        raise RequestError("VERSION", f"{model} has no version {version!r}", f"there are {there}")

    def standings(self, project: str) -> list[Standing]:
        """Who serves as what, of all models of a project."""
        with self._client() as client:
            models = [m for m in client.search_registered_models() if m.tags.get("project") == project]
            return [_standing(client.get_registered_model(name)) for name in sorted(str(m.name) for m in models)]

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
    def _remember(client: Any, model: str, champions: tuple[str, ...]) -> None:
        kept = champions[-KEPT_CHAMPIONS:]
        client.set_registered_model_tag(model, _CHAMPIONS_TAG, msgspec.json.encode(kept).decode())

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


def _standing(found: Any) -> Standing:
    """What a registered model's aliases and tags say."""
    name, aliases, tags = str(found.name), found.aliases, found.tags
    try:
        routing = msgspec.json.decode(tags[ROUTING_TAG], type=Routing) if ROUTING_TAG in tags else Routing()
        champions = msgspec.json.decode(tags.get(_CHAMPIONS_TAG, "[]"), type=tuple[str, ...])
    except msgspec.MsgspecError as error:
        raise CorruptError(f"registered model {name}", f"has tags that do not read ({error})") from error
    arms = {arm: str(aliases[arm]) for arm in ARMS if arm in aliases}
    return Standing(model=name, arms=arms, routing=routing, champions=champions)


def _version_tags(bundle: Bundle, *, approved: bool, approved_by: str) -> dict[str, str]:
    manifest = bundle.manifest
    return {
        "digest": bundle.digest,
        "plan_hash": manifest.plan_hash,
        "approval": APPROVED if approved else REJECTED,
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
