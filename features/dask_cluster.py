"""The door to Dask: an existing scheduler where the settings name one, else a cluster of processes on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from features.errors import RequestError, UnavailableError
from features.settings import DaskSettings

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def open_cluster(settings: DaskSettings) -> Iterator[Client]:
    """Connect to a cluster, which ends with the block where it is local.

    Parameters
    ----------
    settings
        Where the scheduler is, or how many processes to start.

    Yields
    ------
    distributed.Client
        It is nobody's default.

    Raises
    ------
    RequestError
        The extra ``dask`` is not installed.
    UnavailableError
        No scheduler answers there.

    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise RequestError(
            "--engine dask", "needs Dask's scheduler, which is not installed", "pip install 'millstream[dask]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.WARNING)  # each connection would be a line on the user's screen
    if settings.address is None:
        with (
            LocalCluster(n_workers=settings.workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    try:
        client = Client(settings.address, timeout=settings.timeout_s, set_as_default=False)
    except (OSError, ValueError) as error:  # a time-out is an OSError
        raise UnavailableError("dask", f"no scheduler answers at {settings.address} ({error})") from error
    with client:
        yield client
