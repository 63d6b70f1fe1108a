"""Telling people by a webhook that a version waits for them, or what became of it. Slack's shape; others take it too.

A webhook that is slow, down or wrong costs its time limit and a line on the log, and nothing else.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec
import structlog

from features.settings import ApprovalSettings

logger: Final = structlog.get_logger(__name__)

Notify: TypeAlias = Callable[[str], None]


def open_notify(settings: ApprovalSettings) -> Notify:
    """What tells people; without a webhook nobody is told."""
    if settings.webhook is None:
        return lambda _text: None
    return partial(_notify, settings.webhook.get_secret_value(), settings.webhook_timeout_s)


def _notify(url: str, timeout_s: float, text: str) -> None:
    """Post, for so long at most: the sockets' own time limits begin anew with every byte."""
    problem: list[str] = []
    posting = threading.Thread(target=_post, args=(url, timeout_s, text, problem), daemon=True)
    posting.start()
    posting.join(timeout_s)
    if posting.is_alive():
        problem.append(f"no answer within {timeout_s:g} s")
    if problem:
        logger.warning("webhook_failed", problem=problem[0], text=text)


def _post(url: str, timeout_s: float, text: str, problem: list[str]) -> None:
    """One POST; the address is a secret, so what went wrong is told without it."""
    body = msgspec.json.encode({"text": text})
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
        with _OPENER.open(request, timeout=timeout_s):
            pass
    except urllib.request.HTTPError as error:
        problem.append(f"answered {error.code}")
        error.close()
    except Exception as error:
        problem.append(type(error).__name__)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is for one address is not sent to another."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)
