"""A domain's functions: plain Python in ``transforms.py``, loaded by path, pinned by its SHA-256.

Trainer and scorer run the same scalar code without importing Feast. The file is run as a module of its own, named
by its path and content, so that two domains, or two versions of one, live in one process.
"""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from features.errors import DomainError, PlanMismatchError
from features.plan import RequestFeaturePlan

TRANSFORMS_FILE = "transforms.py"

Function = Callable[..., Any]


def transforms_sha256(repo_or_file: Path) -> str:
    """SHA-256 of a domain's ``transforms.py``; that of no bytes where the domain has none.

    Parameters
    ----------
    repo_or_file
        The domain folder, the state folder that holds a copy, or the file itself.

    Returns
    -------
    str
        64 hexadecimal digits.

    """
    path = _file(repo_or_file)
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()


def transforms_text(repo: Path) -> str:
    """Text of a domain's ``transforms.py``; empty where the domain has none.

    Parameters
    ----------
    repo
        The domain folder.

    Returns
    -------
    str
        With line ends as Python reads them.

    """
    path = _file(repo)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def load_transforms(repo_or_file: Path, *, sha256: str | None = None) -> Mapping[str, Function]:
    """Public functions that a ``transforms.py`` defines, by name.

    Parameters
    ----------
    repo_or_file
        The domain folder, the state folder that holds a copy, or the file itself. No file: no functions.
    sha256
        What the plan says the file's digest is; None accepts any.

    Returns
    -------
    Mapping[str, Function]
        Functions whose names do not begin with an underscore and that the file itself defines.

    Raises
    ------
    PlanMismatchError
        The file is not the one that the plan was compiled with.
    DomainError
        The file cannot be imported.

    """
    path = _file(repo_or_file).resolve()
    source = path.read_bytes() if path.exists() else b""
    digest = hashlib.sha256(source).hexdigest()
    if sha256 is not None and digest != sha256:
        raise PlanMismatchError(str(path), digest[:16], sha256[:16], "unknown: run `millstream apply`")
    module = _load(path, source, digest)
    return MappingProxyType(
        {
            name: value
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
        }
    )


def request_function(feature: RequestFeaturePlan, functions: Mapping[str, Function]) -> Function:
    """What computes a request-time feature from its arguments.

    Parameters
    ----------
    feature
        As the plan has it.
    functions
        Those of the domain's ``transforms.py``, by name.

    Returns
    -------
    Function
        The one of its name; where there is none, and the request supplies a number under that name, the number itself.

    Raises
    ------
    DomainError
        There is neither.

    """
    function = functions.get(feature.name, _as_supplied if feature.is_supplied else None)
    if function is None:
        raise DomainError("transforms.py", f"has no function {feature.name}", "run `millstream apply` again")
    return function


def _as_supplied(value: float | None) -> float | None:
    return None if value is None else float(value)


def _file(repo_or_file: Path) -> Path:
    return repo_or_file if repo_or_file.suffix == ".py" else repo_or_file / TRANSFORMS_FILE


def _load(path: Path, source: bytes, digest: str) -> types.ModuleType:
    """Run the bytes that were hashed as a module under a name of its own.

    The import system is passed by: its cached bytecode tells two versions apart by whole seconds only.
    """
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    module = types.ModuleType(f"_millstream_transforms_{place}_{digest[:16]}")
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - a domain's own code is to run
    except Exception as error:
        raise DomainError(
            str(path), f"cannot be imported ({type(error).__name__}: {error})", "import only the standard library there"
        ) from error
    return module
