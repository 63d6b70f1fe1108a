"""Fuzzing by HTTP: every route that the gateway tells of in its description."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from typing import Final

from deploy.fuzz.http_wire import HttpResponse, HttpWire
from deploy.fuzz.report import FuzzReport
from deploy.fuzz.rest_case import RestCase, RestCases
from deploy.fuzz.rest_surface import rest_surface_of

CONNECTIONS: Final = 16
EXPECTED: Final = frozenset({501, 503, 504})
"""What a server that is well may say beyond 499."""
HEALTH: Final = "/health"


class RestFuzz:
    """Requests to one gateway. ``retried``: statuses that a good one may be answered with."""

    def __init__(
        self,
        address: str,
        *,
        model: str,
        seeds: Mapping[str, Sequence[bytes]],
        words: Sequence[str],
        retried: frozenset[int],
    ) -> None:
        self._address = address
        self._model = model
        self._seeds = seeds
        self._words = words
        self._retried = retried

    async def run(self, n: int, generator: random.Random, report: FuzzReport) -> None:
        """Send ``n`` requests."""
        surface = await asyncio.to_thread(rest_surface_of, self._address, self._model, self._seeds)
        report.routes = len(surface.routes)
        cases, left = RestCases(surface, self._words, generator), iter(range(n))

        async def caller() -> None:
            wire = HttpWire(self._address)
            for _ in left:
                case = cases.case()
                self.judge(report, case, await ask(wire, case))
            wire.hang_up()

        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(caller())

    async def is_healthy(self) -> bool:
        """Whether the gateway says that it is, and answers."""
        surface = await asyncio.to_thread(rest_surface_of, self._address, self._model, self._seeds)
        cases, wire = RestCases(surface, (), random.Random(0)), HttpWire(self._address)  # noqa: S311 - nothing by chance
        answers = [await ask(wire, cases.good(route, route.bodies[0])) for route in surface.routes if route.bodies]
        answers += [await ask(wire, cases.good(route, b"")) for route in surface.routes if route.path == HEALTH]
        wire.hang_up()
        return all(answer is not None and answer.status == 200 for answer in answers)

    def judge(self, report: FuzzReport, case: RestCase, answer: HttpResponse | None) -> None:
        """Report what came of a case."""
        status = None if answer is None else answer.status
        report.judge(
            code="no answer" if status is None else f"HTTP {status}",
            told="" if answer is None or answer.status < 400 else answer.body.decode(errors="replace"),
            stumbled=answer is not None and stumbled(case, answer),
            refused=case.is_good and status != 200 and status not in self._retried,
            path=f"{case.route.verb} {case.route.path}",
            sent=case.data,
        )


async def ask(wire: HttpWire, case: RestCase) -> HttpResponse | None:
    """The response to a case; None where there is none."""
    return await wire.ask(case.data, case.verb, case.patience_s, keeps=case.is_whole)


def stumbled(case: RestCase, answer: HttpResponse) -> bool:
    """Whether an answer says that the server failed, or a refusal is not in the form of all refusals."""
    if answer.status >= 500 and answer.status not in EXPECTED:
        return True
    if answer.status < 400 or answer.status == 503 or case.verb == "HEAD":  # 503 may be an answer of health
        return False
    try:
        return list(json.loads(answer.body)) != ["error"]
    except ValueError:
        return True
