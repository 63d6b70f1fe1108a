"""MLflow's client for trainer and model sync, without what it brings along: Feast, telemetry, waits of minutes."""

from __future__ import annotations

import os
from typing import Any

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

    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # takes seconds: only who needs a registry pays them

    _leave_feast_out()
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


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
