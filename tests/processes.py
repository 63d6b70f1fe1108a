"""The suite in several processes, which pytest-xdist starts: how many, what goes first, how they are interrupted."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

MOST = 4
"""Each imports much and starts servers of its own."""
END_S = 60.0
RUNNING = pytest.StashKey[set["WorkerController"]]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """``-n auto``: none for tests that are named; for all of them more than there are cores, since they wait a lot."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.keyword
    return min(MOST, (os.cpu_count() or 1) + 1) if whole else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Modules that may take longest go first, lest one process be at them in the end while the others are done."""
    if not hasattr(config, "workerinput"):
        return
    allowed_s: Counter[Path] = Counter()
    for item in items:
        if (mark := item.get_closest_marker("timeout")) is not None:
            allowed_s[item.path] += mark.args[0]
    items.sort(key=lambda item: -allowed_s[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: WorkerController) -> None:
    """One more process."""
    node.config.stash.setdefault(RUNNING, set()).add(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """One that is over, with all that it had started."""
    node.config.stash.get(RUNNING, set()).discard(node)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that is interrupted leaves no server behind: xdist alone kills who takes ten seconds to stop them."""
    for node in session.config.stash.get(RUNNING, set()):
        node.shutdown()
        with suppress(node.channel.TimeoutError, node.channel.RemoteError):
            node.channel.waitclose(END_S)
