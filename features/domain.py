"""A domain folder as the engine sees it without Feast: its project, models, labels and data files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from features.errors import DomainError
from features.model_file import MODEL_FILE, DemoSpec, ModelSpec, read_model_file
from features.text_file import read_text, read_yaml

STORE_FILE = "feature_store.yaml"
LAKE_END = "$lake_end"

_PROJECT = re.compile(r"[a-z][a-z0-9_]*")


class Domain(NamedTuple):
    """A domain folder, read and checked.

    ``repo`` is absolute; ``models`` are by name; ``people`` are the public keys of who publishes and approves, by name.
    """

    repo: Path
    project: str
    models: Mapping[str, ModelSpec]
    stated_demo: DemoSpec | None = None
    people: Mapping[str, str] = MappingProxyType({})

    @property
    def demo(self) -> DemoSpec:
        """What ``millstream demo`` does with it; DomainError where the file does not say."""
        if self.stated_demo is None:
            raise DomainError(
                str(self.repo / MODEL_FILE), "says nothing under demo", "say which model, and when it is trained"
            )
        return self.stated_demo

    def model(self, name: str | None) -> tuple[str, ModelSpec]:
        """Name and specification of a model; None means the only one.

        Raises
        ------
        DomainError
            There is no model of that name, or there are several and none was named.

        """
        if name is None and len(self.models) == 1:
            name = next(iter(self.models))
        if name is None or name not in self.models:
            problem = "several models and none was named" if name is None else f"has no model {name!r}"
            raise DomainError(str(self.repo / MODEL_FILE), problem, f"name one of {sorted(self.models)}")
        return name, self.models[name]

    def labels_sql(self, model: str) -> str:
        """DuckDB SQL that yields the observations of a model: keys, ``event_timestamp``, ``label``.

        It reads the lake's views by topic and takes the parameter ``$lake_end`` (TIMESTAMPTZ): the newest event
        time that the lake holds, past which no label horizon may reach.

        Raises
        ------
        DomainError
            The file is missing, or never names ``$lake_end``.

        """
        path = self.repo / self.model(model)[1].labels
        if not path.is_file():
            raise DomainError(str(path), "is missing", f"{MODEL_FILE} names it as the labels of {model}")
        sql = read_text(path)
        if LAKE_END not in sql:
            raise DomainError(
                str(path), f"never names {LAKE_END}", "keep only rows whose label horizon ends at or before it"
            )
        return sql

    def data_file(self, topic: str) -> Path:
        """History of a topic that ``millstream replay`` sends; ``data/make.py`` makes it where it is missing."""
        return self.repo / "data" / f"{topic}.parquet"


def project_name(repo: Path) -> str:
    """Name of a domain's Feast project, read without importing Feast.

    Parameters
    ----------
    repo
        The domain folder.

    Returns
    -------
    str
        ``project`` of its ``feature_store.yaml``.

    Raises
    ------
    DomainError
        The file is missing or no YAML mapping, or the name is not in lower case letters, digits and underscores.

    """
    path = repo / STORE_FILE
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise DomainError(
            str(path), "is missing", "name a domain folder with --repo, or make one with `millstream init DIR`"
        ) from None
    project = content.get("project") if isinstance(content, Mapping) else None
    if not isinstance(project, str) or not _PROJECT.fullmatch(project):
        raise DomainError(
            f"{path}: project", f"is {project!r}", "use lower case letters, digits and underscores, a letter first"
        )
    return project


def load_domain(repo: Path) -> Domain:
    """Read a domain folder without importing Feast.

    Parameters
    ----------
    repo
        The domain folder.

    Returns
    -------
    Domain
        What it says; its labels are read when asked for.

    Raises
    ------
    DomainError
        A file is missing or says something that the engine refuses.

    """
    repo = repo.resolve()
    file = read_model_file(repo / MODEL_FILE)
    return Domain(repo=repo, project=project_name(repo), models=file.models, stated_demo=file.demo, people=file.people)
