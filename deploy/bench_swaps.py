"""``millstream bench swaps``: versions and routing of a scorer change while it is asked, and nobody is to notice.

Blocks of changes take turns with quiet ones of the same length, so that what else the machine does meets both.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import grpc
import psutil
import uvloop
from scipy.stats import theilslopes

from deploy.swaps_bench.load import BATCH_ROWS, CALLS_PER_BATCH, CALLS_PER_S, Load
from deploy.swaps_bench.site import FIRST_SHARE, VERSIONS, Site
from features.errors import NotServingError
from features.routing import CHALLENGER, CHAMPION, Arm

SWAPS: Final = 1_000
BLOCKS: Final = 10
SWAPS_PER_ROUTING: Final = 10
N_USERS: Final = 2_000
TREES: Final = 200
WARM_UP_S: Final = 3.0
FOLLOWED_S: Final = 10.0
POLL_S: Final = 0.01
SHARES: Final = (0.2, 0.8)
MAX_P99_RATIO: Final = 1.5
MAX_SLOPE_KB: Final = 1.0


def bench_swaps(*, swaps: int = SWAPS, blocks: int = BLOCKS, trees: int = TREES) -> dict[str, Any]:
    """Run it; ``passed`` says whether no call failed, none was mixed, and neither latency nor memory gave way."""
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as folder, ExitStack() as running:
        site = Site(Path(folder), running, n_users=N_USERS, trees=trees)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            changes, load = runner.run(_measure(site, swaps, blocks))
    p99_ratio, slope = changes.p99_ratio, changes.slope_kb
    return {
        "swaps": changes.swaps,
        "routing_changes": changes.routing_changes,
        "failed": load.failed,
        "mixed": load.mixed,
        "p99_ratio": round(p99_ratio, 3),
        "rss_slope_kb_per_swap": round(slope, 3),
        "calls": load.calls,
        "p99_ms": round(median(changes.p99_changing_s) * 1e3, 3),
        "quiet_p99_ms": round(median(changes.p99_quiet_s) * 1e3, 3),
        "swap_seen_ms": round(median(changes.seen_s) * 1e3, 1),
        "rss_mb": round(changes.rss_kb[-1] / 1024, 1),
        "bar": {"failed": 0, "mixed": 0, "p99_ratio": MAX_P99_RATIO, "rss_slope_kb_per_swap": MAX_SLOPE_KB},
        "cores": os.cpu_count(),
        "traffic": f"{CALLS_PER_S} calls a second at their instants, beside each {CALLS_PER_BATCH} a batch of "
        f"{BATCH_ROWS} rows; {len(VERSIONS)} versions of {trees} trees by turns as champion and challenger",
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "passed": not load.failed and not load.mixed and p99_ratio <= MAX_P99_RATIO and slope <= MAX_SLOPE_KB,
    }


class Changes:
    """Changes a running scorer, one change after another, each seen in an answer before the next.

    Attributes
    ----------
    swaps, routing_changes
        Changes that were seen.
    seen_s
        How long each swap took to be seen.
    rss_kb
        Memory of the scorer after each swap.
    p99_changing_s, p99_quiet_s
        99th percentile of the single calls, by block.

    """

    def __init__(self, site: Site, load: Load) -> None:
        self.swaps = self.routing_changes = 0
        self.seen_s: list[float] = []
        self.rss_kb: list[float] = []
        self.p99_changing_s: list[float] = []
        self.p99_quiet_s: list[float] = []
        self._site = site
        self._load = load
        self._process = psutil.Process(site.scorer.pid)
        self._share = FIRST_SHARE

    @property
    def p99_ratio(self) -> float:
        """Median over the blocks of changes, each against the quiet one after it."""
        pairs = zip(self.p99_changing_s, self.p99_quiet_s, strict=True)
        return median(changing / quiet for changing, quiet in pairs)

    @property
    def slope_kb(self) -> float:
        """Growth of the memory by swap, over the second half of the swaps.

        The median slope (Theil and Sen): the kernel takes and gives back pages that are none of the scorer's doing.
        """
        return float(theilslopes(self.rss_kb[len(self.rss_kb) // 2 :]).slope)

    async def run_block(self, swaps: int) -> None:
        """Some swaps, with a change of routing among each ten, then as long a time without."""
        begin_s = time.monotonic()
        self._load.latencies_s.clear()
        for _ in range(swaps):
            await self._swap(CHALLENGER if self.swaps % 2 else CHAMPION)
            if not self.swaps % SWAPS_PER_ROUTING:
                await self._route()
        self.p99_changing_s.append(quantiles(self._load.latencies_s, n=100)[98])
        took_s = time.monotonic() - begin_s
        self._load.latencies_s.clear()
        await asyncio.sleep(took_s)
        self.p99_quiet_s.append(quantiles(self._load.latencies_s, n=100)[98])

    async def _swap(self, arm: Arm) -> None:
        """The next version that serves as neither arm."""
        serving, begin_s = self._load.serving, time.monotonic()
        at = VERSIONS.index(serving[arm])
        following = [VERSIONS[(at + step) % len(VERSIONS)] for step in range(1, len(VERSIONS))]
        version = next(version for version in following if version not in serving.values())
        self._site.point(arm, version)
        await _seen(lambda: serving.get(arm) == version, f"{arm} version {version}")
        self.seen_s.append(time.monotonic() - begin_s)
        self.rss_kb.append(self._process.memory_info().rss / 1024)
        self.swaps += 1

    async def _route(self) -> None:
        """Another share; a user whom it moves tells when it holds."""
        before, self._share = self._share, SHARES[self.routing_changes % len(SHARES)]
        low, high = sorted((before, self._share))
        moved = next(user for user, at in enumerate(self._load.points) if low <= at < high)
        wanted = CHALLENGER if self._share > before else CHAMPION
        self._site.route(self._share)
        end_s = time.monotonic() + FOLLOWED_S
        while await self._load.ask(moved) != wanted:
            if time.monotonic() > end_s:
                raise NotServingError("scorer", f"does not follow the share {self._share}")
            await asyncio.sleep(POLL_S)
        self.routing_changes += 1


async def _measure(site: Site, swaps: int, blocks: int) -> tuple[Changes, Load]:
    async with grpc.aio.insecure_channel(site.scorer.address) as channel:
        load = Load(site, channel, n_users=N_USERS)
        asking = asyncio.create_task(load.run())
        try:
            await _seen(lambda: len(load.serving) == len((CHAMPION, CHALLENGER)), "both arms")
            await asyncio.sleep(WARM_UP_S)
            changes = Changes(site, load)
            for _ in range(blocks):
                await changes.run_block(swaps // blocks)
        finally:
            asking.cancel()
            await asyncio.wait([asking])
    return changes, load


async def _seen(condition: Callable[[], bool], what: str) -> None:
    """Wait until the answers show it; NotServingError where they do not in time."""
    end_s = time.monotonic() + FOLLOWED_S
    while not condition():
        if time.monotonic() > end_s:
            raise NotServingError("scorer", f"does not serve {what} after {FOLLOWED_S:.0f} s")
        await asyncio.sleep(POLL_S)
