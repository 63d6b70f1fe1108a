"""The registry as model sync sees it: which version is champion, and its bundle; this room's only use of MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from features.errors import RegistryUnavailableError
from features.mlflow_client import open_client

_ABSENT: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})


class Registered(NamedTuple):
    """A version of a model; ``digest`` is what its publisher wrote down, empty where it did not."""

    version: str
    digest: str


class Registry(Protocol):
    """Where published models are found."""

    def champion(self, model: str) -> Registered | None:
        """The version that the alias names, None where there is none; RegistryUnavailableError."""
        ...

    def download(self, model: str, version: str, folder: Path) -> Path:
        """Fetch a version's bundle below a folder, and where it is then; RegistryUnavailableError."""
        ...


class MlflowRegistry:
    """An MLflow server, or its database."""

    def __init__(self, uri: str, *, alias: str) -> None:
        self._uri = uri
        self._alias = alias
        self._client: Any = open_client(uri)

    def champion(self, model: str) -> Registered | None:
        """See `Registry`."""
        from mlflow.exceptions import MlflowException

        with self._calls():
            try:
                found = self._client.get_model_version_by_alias(model, self._alias)
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise
            return Registered(str(found.version), found.tags.get("digest", ""))

    def download(self, model: str, version: str, folder: Path) -> Path:
        """See `Registry`."""
        from mlflow.artifacts import download_artifacts

        with self._calls():
            uri = self._client.get_model_version_download_uri(model, version)
            return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self._uri))

    @contextmanager
    def _calls(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (MlflowException, OSError) as error:
            raise RegistryUnavailableError(f"registry {self._uri}", (str(error).splitlines() or ["?"])[0]) from error
