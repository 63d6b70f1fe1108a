"""The models that a domain names: those of a file that people edit while its processes run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from features.domain import load_domain
from features.errors import MillstreamError
from features.model_file import MODEL_FILE
from grpc_api.file_intake import FileIntake

logger: Final = structlog.get_logger(__name__)


def domain_intake(
    repo: Path, follow: Callable[[Iterable[str]], None], now_s: Callable[[], float] = time.monotonic
) -> FileIntake:
    """What tells who follows models of each that the domain names; while its file is wrong, nobody hears of it."""

    def turned(error: Exception | None) -> None:
        if error is not None:
            logger.error("domain_refused", problem=str(error), exc_info=not isinstance(error, MillstreamError))

    return FileIntake(repo / MODEL_FILE, lambda: follow(load_domain(repo).models), on_turn=turned, now_s=now_s)
