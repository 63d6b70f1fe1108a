"""A port that a process is to listen on, and cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from features.errors import SettingsError


def cannot_listen(setting: str, host: str, port: int, error: OSError) -> SettingsError:
    """What to tell whoever set it.

    Parameters
    ----------
    setting
        The variable that names the port.
    host, port
        Where the process was to listen; an empty host stands for all interfaces.
    error
        What the system says.

    Returns
    -------
    SettingsError
        To be raised.

    """
    return SettingsError(setting, f"cannot listen on {host}:{port} ({error})", "choose a free port, or 0")


@contextmanager
def listening_as(setting: str, host: str, port: int) -> Iterator[None]:
    """Around the call of a library that opens the port: `cannot_listen` where that fails."""
    try:
        yield
    except OSError as error:
        raise cannot_listen(setting, host, port, error) from error
