"""How the processes log: structured, to stderr, as JSON lines or for people."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from features.settings import LogSettings


def configure_logs(settings: LogSettings) -> None:
    """Set up structlog and the standard library's logging alike. Called once per process."""
    level = getattr(logging, settings.level.upper())
    stdlib = structlog.stdlib.ProcessorFormatter
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.json_lines
        else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(stdlib(foreign_pre_chain=shared, processors=[stdlib.remove_processors_meta, *last]))
    logging.basicConfig(level=level, handlers=[handler], force=True)
