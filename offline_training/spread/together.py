"""Work that workers do together, each waiting for all others: where one of them dies, it is begun again.

Dask gives a dead worker's task to another, but the others still wait for the dead one, or are left with what a broken
connection has made of them. So the workers are watched, those that are left are restarted, and all is done anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

from features.dask_cluster import named_loss
from features.errors import UnavailableError

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

ATTEMPTS: Final = 3
_LOOK_EVERY_S: Final = 0.5
_GRACE_S: Final = 5.0
"""How long workers may take to notice that another is gone."""
_BACK_WITHIN_S: Final = 60.0
"""How long a worker may take to be back."""


class LostWorkError(Exception):
    """The work ended without its result, for no fault of its own."""


def run_together(client: Client, n: int, work: Callable[[Client, Sequence[str]], T]) -> T:
    """What a work gives that is told ``n`` workers' addresses, and a client of its own.

    UnavailableError where so many are not there, or where the work was lost again and again.
    """
    lost: Exception | None = None
    for _ in range(ATTEMPTS):
        with named_loss():
            addresses = _addresses(client, n)
        try:
            with named_loss():
                return _attempt(client, addresses, work)
        except (LostWorkError, UnavailableError) as error:
            lost = error
        with named_loss():
            _restart(client, addresses)
    raise UnavailableError("dask", f"workers lost their common work {ATTEMPTS} times ({lost})") from lost


def _addresses(client: Client, n: int) -> list[str]:
    try:
        client.wait_for_workers(n, timeout=_BACK_WITHIN_S)
    except TimeoutError as error:
        found = len(client.ncores())
        raise UnavailableError("dask", f"has {found} workers where the training began with {n}") from error
    return sorted(client.ncores())[:n]


def _attempt(client: Client, addresses: Sequence[str], work: Callable[[Client, Sequence[str]], T]) -> T:
    """Do it once. The client of its own ends with it, and with that whatever it still waits for."""
    with _client_of_its_own(client) as own:
        outcome: Future[T] = Future()
        Thread(target=_settle, args=(outcome, partial(work, own, addresses)), daemon=True).start()
        while not wait([outcome], timeout=_LOOK_EVERY_S).done:
            gone = set(addresses) - set(client.ncores())
            if gone and not wait([outcome], timeout=_GRACE_S).done:
                raise LostWorkError(f"{len(gone)} of {len(addresses)} workers died")
        return outcome.result()


def _client_of_its_own(client: Client) -> Client:
    """Another one of the same cluster, which tells where keys are in the order in which they are asked for."""
    from distributed import Client as DaskClient

    class Ordered(DaskClient):  # type: ignore[misc]  # ships no types
        """Dask's own goes through a set; `lightgbm.dask` 4.7 numbers its machines in the order of the answer."""

        def who_has(self, futures: Sequence[Any] | None = None, **kwargs: Any) -> Mapping[Any, Any]:
            found: Mapping[Any, Any] = super().who_has(futures, **kwargs)
            return found if futures is None else {future.key: found[future.key] for future in futures}

    return Ordered(client.scheduler.address, security=client.security, set_as_default=False)


def _settle(outcome: Future[T], work: Callable[[], T]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # it is the caller's, whatever it is
        outcome.set_exception(error)


def _restart(client: Client, addresses: Sequence[str]) -> None:
    """Have new processes in the place of those that are left: LightGBM 4.7 keeps a connection that broke."""
    left = [address for address in client.ncores() if address in addresses]
    try:
        client.restart_workers(left, timeout=_BACK_WITHIN_S, raise_for_error=False)
    except ValueError as error:  # nobody watches over them
        raise UnavailableError("dask", f"{', '.join(left)} wait for a worker that died: restart them") from error
