"""The model registry: MLflow, behind the few verbs that training and approval need."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from features.approval.stages import FIRST
from features.bundle import Bundle, read_bundle
from features.errors import CorruptError, RequestError
from features.mlflow_client import open_client, registry_unavailable
from features.routing import CHAMPION, ROUTING_TAG, Arm, Routing
from offline_training.audit import Head
from offline_training.model_version import ModelVersion, tags_of, version_of
from offline_training.search.outcome import SearchReport
from offline_training.search.tracking import log_search
from offline_training.standing import CHAMPIONS_TAG, Standing, standing_of

KEPT_CHAMPIONS = 20
"""So many steps can a model be rolled back."""

BUNDLE_FOLDER = "bundle"
REPORTS_FOLDER = "reports"

RUN_PARAMETER = "training_run"
"""Parameter of a training's run in the registry: the name of its run folder."""

_UNDECIDED = frozenset({FIRST, "validation"})
"""Stages of a version that nobody brought to the end of its validation."""

_AUDIT_TAG = "audit_log."
"""Begins the tags of a project's experiment that say how far an audit log has come."""

_NO_WORD = re.compile(r"[^\w.\- :]")
"""What MLflow takes in no metric's name; a column that groups are told apart by may have it in its."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A version that the registry now holds."""

    version: str
    run_id: str


class Champion(NamedTuple):
    """The version that serves, and its bundle."""

    version: str
    bundle: Bundle


class LearnedVersion(NamedTuple):
    """A version, and the name of the run folder that it came of."""

    version: str
    run: str


class Registry:
    """An MLflow server (http) or its database (sqlite)."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def publish(self, bundle: Bundle, reports: Path, *, params: Mapping[str, Any], developer: str) -> Published:
        """Log a run with figures, reports and card, and register the bundle as a version of its model, in staging."""
        manifest = bundle.manifest
        with self._client() as client:
            run = client.create_run(self._experiment(client, manifest.project), run_name=manifest.model)
            run_id = str(run.info.run_id)
            _log_figures(client, run_id, params, manifest.metrics)
            client.log_artifacts(run_id, str(bundle.path), BUNDLE_FOLDER)
            client.log_artifacts(run_id, str(reports), REPORTS_FOLDER)
            client.set_terminated(run_id)
            self._ensure_model(client, manifest.model, manifest.project)
            version = client.create_model_version(
                manifest.model,
                source=f"{run.info.artifact_uri}/{BUNDLE_FOLDER}",
                run_id=run_id,
                tags=tags_of(bundle, developer, FIRST),
                await_creation_for=0,
            )
            return Published(version=str(version.version), run_id=run_id)

    def log_search(self, run_id: str, search: SearchReport) -> None:
        """Log a search's choice in the run of its training, and its trials as children of it."""
        with self._client() as client:
            log_search(client, run_id, search)

    def download(self, model: str, version: str, folder: Path) -> Path:
        """Fetch a version's bundle below a folder, and where it is then."""
        with self._client() as client:
            from mlflow.artifacts import download_artifacts

            uri = client.get_model_version_download_uri(model, version)
            return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self.uri))

    def tag(self, model: str, version: str, tags: Mapping[str, str]) -> None:
        """Write tags of a version."""
        with self._client() as client:
            for name, value in tags.items():
                client.set_model_version_tag(model, version, name, value)

    def promote(self, model: str, version: str, arm: Arm = CHAMPION) -> None:
        """Let a version serve as an arm."""
        with self._client() as client:
            standing = standing_of(client.get_registered_model(model))
            client.set_registered_model_alias(model, arm, version)
            if arm == CHAMPION:
                self._remember(client, model, (*standing.champions, version))

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

    def champion(self, model: str, folder: Path) -> Champion | None:
        """The version that serves, downloaded below a folder; None where none does."""
        with self._client() as client:
            if not client.search_registered_models(f"name = '{model}'"):
                return None
            version = standing_of(client.get_registered_model(model)).arms.get(CHAMPION)
        return None if version is None else Champion(version, read_bundle(self.download(model, version, folder)))

    def standing(self, model: str) -> Standing:
        """Who serves a model as what; RequestError where there is no such model."""
        with self._client() as client:
            return standing_of(self._model(client, model))

    def versions(self, model: str) -> list[ModelVersion]:
        """Every version of a model, newest first; RequestError where there is no such model."""
        with self._client() as client:
            return self._versions(client, self._model(client, model))

    def version(self, model: str, version: str) -> ModelVersion:
        """One version of a model; RequestError where there is none of that number."""
        found = self.versions(model)
        for each in found:
            if each.version == version:
                return each
        there = ", ".join(each.version for each in reversed(found)) or "none"
        raise RequestError("VERSION", f"{model} has no version {version!r}", f"there are {there}")

    def last_learned(self, project: str, model: str, algorithm: str) -> LearnedVersion | None:
        """The newest version that an algorithm learned and that came through its validation; None where there is none.

        One whose process was killed before its end is passed over.
        """
        with self._client() as client:
            experiment = client.get_experiment_by_name(project)
            if experiment is None:
                return None
            wanted = f"attributes.run_name = '{model}' and params.algorithm = '{algorithm}'"
            for run in client.search_runs([experiment.experiment_id], wanted, order_by=["attributes.start_time DESC"]):
                for found in client.search_model_versions(f"run_id = '{run.info.run_id}'"):
                    if version_of(found, {}).approval_status not in _UNDECIDED:
                        return LearnedVersion(str(found.version), run.data.params.get(RUN_PARAMETER, ""))
        return None

    def standings(self, project: str) -> list[Standing]:
        """Who serves as what, of all models of a project."""
        with self._client() as client:
            return [standing_of(client.get_registered_model(str(m.name))) for m in self._models(client, project)]

    def list_models(self, project: str) -> list[ModelVersion]:
        """Every version of the project's models, newest first within a model."""
        with self._client() as client:
            return [version for model in self._models(client, project) for version in self._versions(client, model)]

    def read_heads(self, project: str) -> list[Head]:
        """How far each audit log of a project has come, as far as the registry was told."""
        with self._client() as client:
            experiment = client.get_experiment_by_name(project)
            written = {} if experiment is None else experiment.tags
        try:
            return [
                msgspec.json.decode(text, type=Head) for name, text in written.items() if name.startswith(_AUDIT_TAG)
            ]
        except msgspec.MsgspecError as error:
            raise CorruptError(
                f"experiment {project}", f"has a tag {_AUDIT_TAG}… that does not read ({error})"
            ) from error

    def write_head(self, project: str, head: Head) -> None:
        """Write down how far an audit log has come."""
        with self._client() as client:
            experiment = self._experiment(client, project)
            client.set_experiment_tag(experiment, f"{_AUDIT_TAG}{head.log}", msgspec.json.encode(head).decode())

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A client; what MLflow raises becomes RegistryUnavailableError."""
        client = open_client(self.uri)
        from mlflow.exceptions import MlflowException  # loaded by now

        try:
            yield client
        except (MlflowException, OSError) as error:
            raise registry_unavailable(self.uri, error) from None  # whose text may hold credentials

    @staticmethod
    def _remember(client: Any, model: str, champions: tuple[str, ...]) -> None:
        kept = champions[-KEPT_CHAMPIONS:]
        client.set_registered_model_tag(model, CHAMPIONS_TAG, msgspec.json.encode(kept).decode())

    @staticmethod
    def _experiment(client: Any, project: str) -> str:
        found = client.get_experiment_by_name(project)
        return str(found.experiment_id if found is not None else client.create_experiment(project))

    @staticmethod
    def _ensure_model(client: Any, model: str, project: str) -> None:
        if not client.search_registered_models(f"name = '{model}'"):
            client.create_registered_model(model, tags={"project": project})

    @staticmethod
    def _model(client: Any, model: str) -> Any:
        if not client.search_registered_models(f"name = '{model}'"):
            raise RequestError("MODEL", f"{model!r} is not in the registry", "train it first: millstream train")
        return client.get_registered_model(model)

    @staticmethod
    def _models(client: Any, project: str) -> list[Any]:
        found: list[Any] = []
        token: str | None = ""
        while token is not None:  # a page has a hundred
            page = client.search_registered_models(f"tags.project = '{project}'", page_token=token or None)
            found, token = [*found, *page], page.token or None
        return sorted(found, key=lambda model: str(model.name))

    @staticmethod
    def _versions(client: Any, model: Any) -> list[ModelVersion]:
        found = client.search_model_versions(f"name = '{model.name}'")
        return [version_of(each, model.aliases) for each in sorted(found, key=lambda each: -int(each.version))]


def _log_figures(client: Any, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """All of a run's, in one call: one a figure would be dozens."""
    from mlflow.entities import Metric, Param  # loaded by now

    now_ms = time.time_ns() // 1_000_000
    client.log_batch(
        run_id,
        metrics=[Metric(_NO_WORD.sub("_", name), value, now_ms, 0) for name, value in metrics.items()],
        params=[Param(name, str(value)) for name, value in params.items()],
    )
