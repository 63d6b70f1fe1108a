"""Who calls the command line, as the audit log names them."""

from __future__ import annotations

import getpass


def caller_name() -> str:
    """Name of the user; ``unknown`` where the machine has none for them, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
