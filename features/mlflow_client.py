"""MLflow's client for trainer and model sync, without what it brings along: Feast, telemetry, waits of minutes."""

from __future__ import annotations

import os
from typing import Any, Final

from features.errors import RegistryUnavailableError, SettingsError
from features.secret_words import HIDDEN, credentials_of, passwords_of, without

SETTING: Final = "MILLSTREAM_REGISTRY__URI"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # its defaults hang for minutes on a server that is gone
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def open_client(uri: str) -> Any:
    """Open a client of a registry; what the environment sets already wins.

    Parameters
    ----------
    uri
        Address of the server (http), or of its database (sqlite).

    Returns
    -------
    mlflow.MlflowClient
        Nothing was asked of the server yet.

    Raises
    ------
    SettingsError
        The address is none that MLflow can use.

    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # takes seconds: only who needs a registry pays them

    _leave_feast_out()
    try:
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    except Exception as error:  # of many kinds: unknown schemes, drivers that are not there, databases that are none
        problem = f"{without_credentials(uri, uri)} cannot be used ({without_credentials(uri, _first_line(error))})"
        raise SettingsError(SETTING, problem, "name an MLflow server, such as http://127.0.0.1:5000") from None


def registry_unavailable(uri: str, error: Exception) -> RegistryUnavailableError:
    """What a call that failed means.

    Parameters
    ----------
    uri
        Address of the registry.
    error
        What MLflow or the network says, which may repeat the address.

    Returns
    -------
    RegistryUnavailableError
        To be raised; without the credentials of the address, for it is logged.

    """
    return RegistryUnavailableError(
        f"registry {without_credentials(uri, uri)}", without_credentials(uri, _first_line(error))
    )


def without_credentials(uri: str, text: str) -> str:
    """A text that may repeat an address, without user and password of that.

    Parameters
    ----------
    uri
        The address.
    text
        For people.

    Returns
    -------
    str
        The text with three stars in their place.

    Examples
    --------
    >>> without_credentials("http://me:sesame@host:5000", "no answer of http://me:sesame@host:5000/api")
    'no answer of http://***@host:5000/api'
    >>> without_credentials("http://host:5000", "no answer of http://host:5000/api")
    'no answer of http://host:5000/api'

    """
    credentials = credentials_of(uri)
    text = text.replace(f"{credentials}@", f"{HIDDEN}@") if credentials else text
    return without(text, passwords_of(uri))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _leave_feast_out() -> None:
    """Load the plugins that add headers to MLflow's requests, all but Feast's.

    Feast 0.67 registers one, so that MLflow's first request would import all of Feast: 4 s of CPU and 100 MB, for a
    token that only Feast's own servers hold.
    """
    from mlflow.utils import plugins

    find = plugins.get_entry_points
    plugins.get_entry_points = lambda group: [point for point in find(group) if not point.value.startswith("feast.")]
    try:
        import mlflow.tracking.request_header.registry  # noqa: F401 - finds the plugins once, when it is imported
    finally:
        plugins.get_entry_points = find
