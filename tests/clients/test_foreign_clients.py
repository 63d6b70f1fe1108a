"""Clients of the Open Inference Protocol that others wrote work against our server, unchanged."""

from __future__ import annotations

import asyncio
import os
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from features.memory_store import MemoryStore
from tests.clients.environment import interpreter, make
from tests.grpc_api.shop import Shop, open_shop, publish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CASES = Path(__file__).parent / "cases"
DEADLINE_S = 240.0
TAIL = 4_000
STUCK = b"stuck"


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment where the clients are."""
    if interpreter() is None:
        pytest.skip("needs the clients' environment: make test-clients")
    make()  # anew where the requirements changed
    found = interpreter()
    assert found is not None
    return found


class HaltingStore(MemoryStore):
    """A store that never gives the states of one entity."""

    async def read_fields(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> list[list[bytes | None]]:
        """As any, but for that one."""
        if any(STUCK in key for key in keys):
            await asyncio.Event().wait()
        return await super().read_fields(keys, fields)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A server with two models, on a store that halts for one buyer."""
    models = tmp_path_factory.mktemp("models")
    publish(models, "1")
    publish(models, "3", model="pairs", service="buyers_in_shops")
    store = MemoryStore()
    with open_shop(models, store=store, open_reader=lambda: HaltingStore(store.shards)) as (shop, _):
        yield shop


@pytest.mark.parametrize(("library", "n_cases"), [("tritonclient", 60), ("kserve", 20), ("mlserver", 20)])
def test_a_stock_client_works_unchanged(library: str, n_cases: int, python: Path, shop: Shop, tmp_path: Path) -> None:
    """Every case of its file passes, none is skipped; the libraries do not bear each other in one process."""
    report = tmp_path / "report.xml"
    # not as arguments: KServe reads those of any process that imports it
    addresses = {"GRPC_ADDRESS": shop.address, "REST_ADDRESS": shop.rest_address}
    done = subprocess.run(
        [python, "-m", "pytest", "-p", "no:cacheprovider", "-c", CASES / "pytest.ini", f"--junitxml={report}",
         "-q", "--tb=short", CASES / f"check_{library}.py"],
        env=os.environ | addresses, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-TAIL:] + done.stderr[-TAIL:]
    (suite,) = ET.parse(report).getroot().iter("testsuite")
    assert (suite.attrib["failures"], suite.attrib["errors"], suite.attrib["skipped"]) == ("0", "0", "0")
    assert int(suite.attrib["tests"]) >= n_cases
