"""A verb speaks to the neighbours of its own domain, or to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.own_stack import ADDRESSES, NeighbourPart, require_own
from deploy.stack_file import StackFile, StackLock, write_stack
from features.errors import NotServingError
from features.settings import Settings, load_settings

PARTS: tuple[NeighbourPart, ...] = ("scorer", "kafka", "store", "registry")


@pytest.fixture
def left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a domain whose stack has run, and is down."""
    monkeypatch.setenv("MILLSTREAM_VAR", str(tmp_path))
    folder = tmp_path / "bookshop"
    StackLock(folder).close()
    return folder


@pytest.mark.parametrize("part", PARTS)
def test_a_default_address_is_a_strangers_while_the_stack_is_down(left_behind: Path, part: NeighbourPart) -> None:
    """What listens there may be the stack of another domain."""
    with pytest.raises(NotServingError, match=f"{part}: the stack of bookshop is down: run `millstream up`"):
        require_own(load_settings(project="bookshop"), left_behind, "bookshop", [part])


@pytest.mark.parametrize(("part", "name"), [(part, name) for part in PARTS for name in ADDRESSES[part]])
def test_an_address_that_is_named_is_meant(
    left_behind: Path, monkeypatch: pytest.MonkeyPatch, part: NeighbourPart, name: str
) -> None:
    """By the environment; other settings of the part name nothing."""
    monkeypatch.setenv("MILLSTREAM_STORE__TIMEOUT_S", "3")
    monkeypatch.setenv("MILLSTREAM_REGISTRY__POLL_S", "3")
    monkeypatch.setenv("MILLSTREAM_KAFKA__PARTITIONS", "3")
    monkeypatch.setenv("MILLSTREAM_SCORER__METRICS_PORT", "3")
    with pytest.raises(NotServingError):
        require_own(load_settings(project="bookshop"), left_behind, "bookshop", [part])
    monkeypatch.setenv(f"MILLSTREAM_{part}__{name}".upper(), "7000" if name == "port" else "elsewhere:7000")
    require_own(load_settings(project="bookshop"), left_behind, "bookshop", [part])


def test_the_addresses_of_a_running_stack_are_its_own(left_behind: Path) -> None:
    """As it publishes them."""
    found = {"scorer": {"port": 7000}, "store": {"port": 7001}, "registry": {"uri": "http://127.0.0.1:7002"}}
    found["kafka"] = {"bootstrap_servers": "127.0.0.1:7003"}
    write_stack(left_behind, StackFile(project="bookshop", pid=1, state="up", settings=found))
    require_own(load_settings(project="bookshop"), left_behind, "bookshop", PARTS)


def test_where_no_stack_has_run_the_defaults_hold(tmp_path: Path) -> None:
    """Neighbours that somebody else has started there."""
    require_own(Settings(), tmp_path / "bookshop", "bookshop", PARTS)
