"""The door to Dask: an existing scheduler where the settings name one, else a cluster of processes on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
            _nannies_alone(),
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


def compute_all(client: Client, tasks: Sequence[Any]) -> list[Any]:
    """Compute delayed tasks.

    Parameters
    ----------
    client
        The cluster.
    tasks
        Whatever they need is in their graph, so that the loss of a worker loses nothing that cannot be made anew.

    Returns
    -------
    list
        Their results, in order.

    Raises
    ------
    UnavailableError
        The scheduler went away, or workers died over and over of one task. An error that a task raised itself is
        raised as it is.

    """
    with named_loss(), _large_graphs():
        results: list[Any] = client.gather(client.compute(list(tasks)))
    return results


def hold(client: Client, value: Any) -> Any:
    """Give the scheduler a value that many tasks need; it is sent to it once.

    Parameters
    ----------
    client
        The cluster.
    value
        Whatever can be pickled.

    Returns
    -------
    distributed.Future
        The value in other tasks' arguments. It is part of the graph, so that no death of a worker loses it.

    """
    with _large_graphs():
        return client.submit(_same, value, pure=False)


def _same(value: Any) -> Any:
    return value


def _nannies_alone() -> Any:
    """Leave dead workers to their nannies, which replace them at once.

    A local cluster looks for each dead worker again some seconds later; where it finds none, because the one that has
    taken its place has just died, too, it closes the nanny, and nobody takes the place any more (Dask 2026.8).
    """
    import dask

    return dask.config.set({"distributed.deploy.lost-worker-timeout": "365d"})


def _large_graphs() -> Any:
    """Without Dask's advice to scatter, which has one copy."""
    import dask

    return dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"})


@contextmanager
def named_loss() -> Iterator[None]:
    """Turn Dask's errors for work that is lost into one of ours.

    Raises
    ------
    UnavailableError
        The scheduler went away, or workers died over and over of one task.

    """
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError

    try:
        yield
    except (KilledWorker, FutureCancelledError, CommClosedError) as error:
        raise UnavailableError("dask", f"the cluster lost the work ({error})") from error


def n_slots(client: Client) -> int:
    """How many tasks the workers of a cluster run at once.

    Parameters
    ----------
    client
        The cluster.

    Returns
    -------
    int
        At least one: a cluster may have no worker yet.

    """
    of_workers: dict[str, int] = client.nthreads()
    return max(1, sum(of_workers.values()))
