"""Text files that people write, read as UTF-8, some of them as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from features.errors import DomainError


def read_text(path: Path) -> str:
    """Text of a file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        With line ends as Python reads them.

    Raises
    ------
    FileNotFoundError
        There is none.
    DomainError
        It is no file that can be read, or not in UTF-8.

    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DomainError(str(path), f"cannot be read ({error.strerror})", "put a file there that can") from error
    except UnicodeDecodeError as error:
        raise DomainError(str(path), f"is not UTF-8 ({error})", "save it as UTF-8") from error


def read_yaml(path: Path) -> Any:
    """Content of a YAML file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Any
        What YAML makes of it; None of an empty file.

    Raises
    ------
    FileNotFoundError
        There is none.
    DomainError
        It cannot be read, or is not YAML.

    """
    text = read_text(path)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # of the last two is a day that no month has
        raise DomainError(str(path), f"is not YAML ({error})", "correct it") from error
