"""A Faust application with the time-outs of our own worker and nothing else of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faust


def open_app(name: str, broker: str, folder: Path, **options: Any) -> faust.App:
    """An app that reads raw values from the earliest offsets, without its web server."""
    return faust.App(
        name,
        broker=f"kafka://{broker}",
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        broker_rebalance_timeout=3.0,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        datadir=folder,
        autodiscover=False,
        loghandlers=[],
        **options,
    )


def run_app(app: faust.App, folder: Path) -> None:
    """Run it until it is told to stop."""
    app.Worker(quiet=True, loglevel="ERROR", workdir=folder).execute_from_commandline()
