"""Logs never stand in the way."""

from __future__ import annotations

import logging
import sys
from io import StringIO

import pytest
import structlog

from deploy.logs import LossyStream, configure_logs
from features.settings import LogSettings


class FullDisk(StringIO):
    """A stream that takes nothing while it is full."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError("no space left on device")
        return super().write(text)

    def flush(self) -> None:
        if self.is_full:
            raise OSError("no space left on device")


def test_what_cannot_be_logged_is_lost_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """By structlog and by the standard library's logging alike; with room again, the next line is there."""
    stream = FullDisk()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs(LogSettings())
    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        log.warning("lost")
    stream.is_full = False
    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        log.warning("kept")
    assert stream.getvalue().count("kept") == 2
    assert "lost" not in stream.getvalue()


def test_a_stream_that_takes_everything_is_given_everything() -> None:
    """Line by line."""
    stream = StringIO()
    lossy = LossyStream(stream)
    lossy.write("one\n")
    lossy.flush()
    assert stream.getvalue() == "one\n"
