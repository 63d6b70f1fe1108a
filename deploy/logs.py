"""How the processes log: structured, to stderr, as JSON lines or for people."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import structlog
from structlog.typing import Processor

from features.settings import LogSettings


class LossyStream:
    """A stream that lets nobody stumble over a log that cannot be written: on a full disk the work must go on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what can be handed over."""
        with suppress(OSError):
            self._stream.flush()


def configure_logs(settings: LogSettings, *, file: Path | None = None) -> None:
    """Set up structlog and the standard library's logging alike, to stderr or to a file."""
    level = getattr(logging, settings.level.upper())
    stream: TextIO = sys.stderr
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a", buffering=1)
    stdlib = structlog.stdlib.ProcessorFormatter
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.json_lines
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]  # others show locals
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", LossyStream(stream))),
    )
    handler = logging.StreamHandler(LossyStream(stream))
    handler.setFormatter(stdlib(foreign_pre_chain=shared, processors=[stdlib.remove_processors_meta, *last]))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def configure_short_logs() -> None:
    """For verbs that answer and end: only what went wrong, for people, on stderr."""
    configure_logs(LogSettings(level="error", json_lines=False))
