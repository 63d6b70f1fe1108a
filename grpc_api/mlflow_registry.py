"""The registry as model sync sees it: which versions serve as what, and their bundles; MLflow, here only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from features.approval import tags
from features.approval.rules import Papers
from features.mlflow_client import open_client, registry_unavailable
from features.routing import ARMS, ROUTING_TAG, Arm

_ABSENT: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})


class Registered(NamedTuple):
    """A version of a model; ``digest`` and ``stage`` are what its tags say, ``papers`` what people signed of it."""

    version: str
    digest: str
    stage: str
    papers: Papers = Papers()


class Listing(NamedTuple):
    """What the registry says of a model: the version of each arm that has one, and its routing as it was written."""

    arms: Mapping[Arm, Registered]
    routing: str = ""


class Registry(Protocol):
    """Where published models are found."""

    def look(self, model: str) -> Listing | None:
        """What serves as what, None where there is no such model; RegistryUnavailableError."""
        ...

    def download(self, model: str, version: str, folder: Path) -> Path:
        """Fetch a version's bundle below a folder, and where it is then; RegistryUnavailableError."""
        ...


class MlflowRegistry:
    """An MLflow server, or its database: the arms are its aliases, the routing a tag of the registered model."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: Any = open_client(uri)

    def look(self, model: str) -> Listing | None:
        """See `Registry`."""
        from mlflow.exceptions import MlflowException

        with self._calls():
            try:
                found = self._client.get_registered_model(model)
                arms = {arm: self._registered(model, found.aliases[arm]) for arm in ARMS if arm in found.aliases}
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise
            return Listing(arms, found.tags.get(ROUTING_TAG, ""))

    def download(self, model: str, version: str, folder: Path) -> Path:
        """See `Registry`."""
        from mlflow.artifacts import download_artifacts

        with self._calls():
            uri = self._client.get_model_version_download_uri(model, version)
            return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self._uri))

    def _registered(self, model: str, version: str) -> Registered:
        found = self._client.get_model_version(model, version)
        papers = Papers(found.tags.get(tags.PUBLISHED, ""), found.tags.get(tags.APPROVED, ""))
        return Registered(str(found.version), found.tags.get(tags.DIGEST, ""), found.tags.get(tags.STAGE, ""), papers)

    @contextmanager
    def _calls(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, OSError) as error:
            raise registry_unavailable(self._uri, error) from None  # whose text may hold credentials
