"""Imports a domain's ``definitions.py`` and collects the Feast objects in it, leaving no trace in the process."""

from __future__ import annotations

import hashlib
import importlib
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from feast import Entity, FeatureService, FeatureView, KafkaSource, OnDemandFeatureView, StreamFeatureView
from feast.repo_operations import get_repo_files

from features.declarations.folder import DEFINITIONS_FILE
from features.errors import DomainError

_LOCK = threading.RLock()


class Declared(NamedTuple):
    """A domain's Feast objects, each kind in the order of its declaration."""

    entities: tuple[Any, ...]
    sources: tuple[Any, ...]
    stream_views: tuple[Any, ...]
    batch_views: tuple[Any, ...]
    request_views: tuple[Any, ...]
    services: tuple[Any, ...]


@contextmanager
def quiet_feast() -> Iterator[None]:
    """Silence what Feast warns about at each construction: that stream and on-demand views are experimental."""
    with _LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"feast(\..*)?$")
        warnings.filterwarnings("ignore", message="Stream feature views are experimental")
        warnings.filterwarnings("ignore", message="On demand feature view is an experimental")
        yield


def domain_files(repo: Path) -> list[Path]:
    """Python files that ``feast apply`` would import: all but those that ``.feastignore`` names."""
    return [Path(path) for path in get_repo_files(repo)]


def load_declared(repo: Path) -> Declared:
    """Import ``definitions.py`` from the folder's own files and collect what it declares."""
    path = repo / DEFINITIONS_FILE
    with quiet_feast(), _own_modules(repo):
        namespace = _execute(path)
    found: dict[type, list[Any]] = {}
    for value in namespace.values():
        kind = _kind(value)
        if kind is not None and not any(value is known for known in found.setdefault(kind, [])):
            found[kind].append(value)
    for kind, values in found.items():
        _refuse_same_names(path, kind, values)
    return Declared(
        entities=tuple(found.get(Entity, ())),
        sources=tuple(found.get(KafkaSource, ())),
        stream_views=tuple(found.get(StreamFeatureView, ())),
        batch_views=tuple(found.get(FeatureView, ())),
        request_views=tuple(found.get(OnDemandFeatureView, ())),
        services=tuple(found.get(FeatureService, ())),
    )


def _kind(value: object) -> type | None:
    """The kind of Feast object, most special first: a stream view is a feature view too."""
    for kind in (Entity, KafkaSource, StreamFeatureView, OnDemandFeatureView, FeatureView, FeatureService):
        if isinstance(value, kind):
            return kind  # type: ignore[no-any-return]  # Feast is not typed
    return None


def _refuse_same_names(path: Path, kind: type, values: list[Any]) -> None:
    names = [value.name for value in values]
    for name in names:
        if names.count(name) > 1:
            raise DomainError(str(path), f"declares {kind.__name__} {name!r} twice", "give each its own name")


def _execute(path: Path) -> dict[str, Any]:
    """Run the file as a module under a name of its own.

    The source is compiled here, not by the import system, whose cached bytecode is told apart by whole seconds.
    """
    source = path.read_bytes()
    digest = hashlib.sha256(str(path).encode() + b"\0" + source).hexdigest()[:16]
    module = types.ModuleType(f"_millstream_definitions_{digest}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # Feast reads the sources of functions through it
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - a domain's own code is to run
    except DomainError:
        raise
    except Exception as error:
        raise DomainError(
            str(path),
            f"cannot be imported ({type(error).__name__}: {error})",
            "`feast apply` in the folder shows where",
        ) from error
    finally:
        del sys.modules[module.__name__]
    return module.__dict__


@contextmanager
def _own_modules(repo: Path) -> Iterator[None]:
    """Let the domain's files be imported by bare name, and forget them afterwards.

    Modules that the process already has under those names (another domain's ``transforms``) are set aside and put
    back, so that two domains may be compiled in one process.
    """
    names = {path.relative_to(repo).parts[0].removesuffix(".py") for path in domain_files(repo)}
    aside = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in names}
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(repo))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(repo))
        sys.dont_write_bytecode = bytecode
        for name in [name for name in sys.modules if name.partition(".")[0] in names]:
            del sys.modules[name]
        sys.modules.update(aside)
