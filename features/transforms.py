"""A domain's request-time functions: plain Python in ``transforms.py``, loaded by path, pinned by its SHA-256.

Trainer and scorer run the same scalar code without importing Feast. The file is loaded under a module name made
from its path and content, so that two domains, or two versions of one, live in one process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from features.errors import DomainError, PlanMismatchError

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
    digest = transforms_sha256(path)
    if sha256 is not None and digest != sha256:
        raise PlanMismatchError(str(path), digest[:16], sha256[:16], "unknown: run `millstream apply`")
    if not path.exists():
        return MappingProxyType({})
    module = _load(path, digest)
    return MappingProxyType(
        {
            name: value
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
        }
    )


def _file(repo_or_file: Path) -> Path:
    return repo_or_file if repo_or_file.suffix == ".py" else repo_or_file / TRANSFORMS_FILE


def _load(path: Path, digest: str) -> ModuleType:
    """Import the file under a name of its own; once per process and content."""
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"_millstream_transforms_{place}_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DomainError(str(path), "is not a Python file", "name it transforms.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise DomainError(
            str(path), f"cannot be imported ({type(error).__name__}: {error})", "import only the standard library there"
        ) from error
    return module
