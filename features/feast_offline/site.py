"""The plan and the lake of a domain, as Feast's configuration leads to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.backfill import columns_used
from features.errors import DomainError, RequestError
from features.lake import Lake, open_site_lake
from features.lake_reach import cut_off, dropped_until_us
from features.plan import Plan, ViewPlan
from features.plan_shelf import applied_plan
from features.settings import Settings, load_settings
from features.view_events import join_events


class Site:
    """What the engine knows of the project that a Feast configuration names.

    Parameters
    ----------
    config
        Feast's `RepoConfig`. ``offline_store.var`` is the folder of all state, from the folder of
        ``feature_store.yaml``; the environment (``MILLSTREAM_VAR``) wins over it.

    Attributes
    ----------
    repo, settings, state_dir
        Folder of ``feature_store.yaml``, settings of the site, and the domain's folder of state.

    """

    def __init__(self, config: Any) -> None:
        self._project = str(config.project)
        self.repo = Path(config.repo_path or ".")
        self.settings: Settings = load_settings(project=self._project, var=_var(config))
        self.state_dir = self.settings.state_dir(self._project)

    @cached_property
    def plan(self) -> Plan:
        """The plan that was applied last; DomainError where none was, or the folder of state is another."""
        try:
            return applied_plan(self.state_dir)
        except DomainError as error:
            remedy = f"{error.remedy}, or say in feature_store.yaml where its state is: offline_store.var"
            raise DomainError(error.where, error.problem, remedy) from error

    @cached_property
    def lake(self) -> Lake:
        """The event lake."""
        return open_site_lake(self.settings, self._project)

    def events(self, topic: str) -> pa.Table:
        """Valid events of a topic, with the columns that its views need."""
        return self.lake.read(self.plan.source(topic), columns=columns_used(self.plan.views_of(topic)))

    def view_events(self, view: ViewPlan, events: Callable[[str], pa.Table]) -> pa.Table:
        """Events of all topics of a view, of which ``events`` gives each; DomainError where the lake knows none."""
        if not any(self.lake.logs(topic) for topic in view.topics):
            raise DomainError(
                f"lake {self.settings.lake_url(self._project)}",
                f"holds no record of topic {' or '.join(view.topics)}",
                "run workers on it (`millstream up`), or say where it is: MILLSTREAM_LAKE__URL",
            )
        return join_events(self.plan, view, {topic: events(topic) for topic in view.topics})

    def refuse_dropped(self, view: ViewPlan, at_us: npt.NDArray[np.int64]) -> None:
        """RequestError where a view, seen at these instants, looks back on records that retention has dropped."""
        n_cut_off = int(cut_off(self.lake, view, at_us).sum())
        if n_cut_off:
            topics = " and ".join(view.topics)
            dropped = datetime.fromtimestamp((dropped_until_us(self.lake, view) or 0) / 1_000_000, UTC).isoformat()
            raise RequestError(
                f"view {view.name}",
                f"looks back on dropped records in {n_cut_off} rows: those of {topics} are kept since {dropped}",
                "ask for later instants, further from it than the longest window and its hop",
            )


def _var(config: Any) -> Path | None:
    """Folder of all state where the configuration names it and the environment does not."""
    var = getattr(config.offline_store, "var", None)
    if var is None or "var" in load_settings().model_fields_set:
        return None
    return Path(config.repo_path or ".", var).resolve()
