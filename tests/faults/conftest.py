"""A stack that is up, shared by the tests that hurt it; each finds it whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.millstream import Millstream
from tests.faults.kiosk import Kiosk
from tests.waiting import wait_until

DEADLINE_S = 90.0


@pytest.fixture(scope="package")
def shared_kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    """A new domain, and whatever stack its tests leave."""
    folder = tmp_path_factory.mktemp("stack")
    kiosk = Kiosk(Millstream(folder / "kiosk", folder / "var"))
    kiosk.run("init", str(kiosk.run.repo))
    try:
        yield kiosk
    finally:
        kiosk.run("down")


@pytest.fixture
def kiosk(shared_kiosk: Kiosk) -> Kiosk:
    """Its stack of two workers, up and healthy, with some history applied."""
    if shared_kiosk.stack is None:
        shared_kiosk.run("up", "--workers", "2")
    wait_until(shared_kiosk.is_healthy, DEADLINE_S, "the stack to be healthy")
    if not shared_kiosk.n_months:
        shared_kiosk.replay_month()
    return shared_kiosk
