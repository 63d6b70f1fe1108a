"""``offline_store.type: features.feast_offline.MillstreamOfflineStore``: features of the past for stock Feast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from feast import StreamFeatureView
from feast.infra.offline_stores.dask import DaskOfflineStore, DaskOfflineStoreConfig
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.utils import _get_requested_feature_views_to_features_dict

from features.errors import RequestError
from features.feast_offline.entity_rows import EntityRows, open_entity_rows
from features.feast_offline.file_columns import file_columns
from features.feast_offline.planned_view import planned_view
from features.feast_offline.retrieval import RowsRetrievalJob
from features.feast_offline.site import Site
from features.feast_offline.stream_columns import stream_columns
from features.plan import ViewPlan

Columns = Mapping[str, Any]  # an Arrow array a feature


class _Part(NamedTuple):
    """One view of a retrieval: what computes its columns, and the names that its features have in the result."""

    read: Callable[[], Columns]
    outputs: dict[str, str]


class MillstreamOfflineStoreConfig(DaskOfflineStoreConfig):  # type: ignore[misc]  # Feast is not typed
    """Its part of ``feature_store.yaml``.

    ``var`` is the folder of all state, relative to that file; where it is left out, as the engine's settings say.
    """

    type: Literal["features.feast_offline.MillstreamOfflineStore"] = "features.feast_offline.MillstreamOfflineStore"
    var: str | None = None


class MillstreamOfflineStore(DaskOfflineStore):  # type: ignore[misc]  # Feast is not typed
    """Stream views from the lake, by the engine's backfill; everything that lies in files as Feast's Dask store."""

    @staticmethod
    def get_historical_features(
        config: Any,
        feature_views: Sequence[Any],
        feature_refs: list[str],
        entity_df: Any,
        registry: Any,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        **_range: Any,
    ) -> RetrievalJob:
        """Features as of each row's instant: all rows, in their order.

        ``filter_by_created_timestamp`` asks for what was known by then: of a stream view, events that had arrived. A
        range of instants without ``entity_df`` is refused, and ``entity_df`` may be a query over the lake.
        """
        site = Site(config)
        rows = open_entity_rows(site, entity_df)
        request_views = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        requested, _ = _get_requested_feature_views_to_features_dict(feature_refs, feature_views, request_views)
        retrieval = _Retrieval(site, config, registry, rows, cache(site.events), filter_by_created_timestamp)
        parts = []
        for view, features in requested.items():
            prefix = f"{view.projection.name_to_use()}__" if full_feature_names else ""
            parts.append(retrieval.part(view, features, prefix))
        _refuse_taken_names(rows, parts)

        def evaluate(table: pa.Table) -> pa.Table:
            for part in parts:
                columns = part.read()
                for feature, output in part.outputs.items():
                    table = table.append_column(output, columns[feature])
            return table

        instants = rows.frame[rows.timestamp_column]
        return RowsRetrievalJob(
            rows.frame,
            evaluate,
            full_feature_names=full_feature_names,
            repo_path=str(config.repo_path),
            on_demand_feature_views=request_views,
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=[name for name in rows.frame.columns if name != rows.timestamp_column],
                min_event_timestamp=instants.min() if len(instants) else None,
                max_event_timestamp=instants.max() if len(instants) else None,
            ),
        )

    @staticmethod
    def offline_write_batch(config: Any, feature_view: Any, table: pa.Table, progress: Any) -> None:
        """Append rows to the file of a plain view; a stream view's history is what its topic was sent."""
        if isinstance(feature_view, StreamFeatureView):
            raise RequestError(
                f"view {feature_view.name}",
                "has no rows of its own to write: its history is the lake of its topic",
                "send events to the topic",
            )
        DaskOfflineStore.offline_write_batch(config, feature_view, table, progress)


class _Retrieval(NamedTuple):
    """What all views of one retrieval share; ``events`` reads a topic once."""

    site: Site
    config: Any
    registry: Any
    rows: EntityRows
    events: Callable[[str], pa.Table]
    as_known: bool

    def part(self, view: Any, features: Sequence[str], prefix: str) -> _Part:
        """What computes the columns of one view; where the registry's view is not the plan's, that is told at once."""
        outputs = {feature: f"{prefix}{feature}" for feature in features}
        if not isinstance(view, StreamFeatureView):
            return _Part(
                lambda: file_columns(
                    self.config, view, list(outputs), self.rows, self.registry, by_created=self.as_known
                ),
                outputs,
            )
        planned = planned_view(self.site, view, self.registry)
        for key in planned.keys:  # Feast's registry gives them back as features (0.67); they stand in the rows
            outputs.pop(key.name, None)
        return _Part(lambda: self._stream_columns(planned, view.projection.join_key_map), outputs)

    def _stream_columns(self, view: ViewPlan, renamed: Mapping[str, str]) -> Columns:
        source, events = self.site.plan.source_of(view), self.site.view_events(view, self.events)
        self.site.refuse_dropped(view, self.rows.at_us)
        names = [renamed.get(key.name, key.name) for key in view.keys]
        return stream_columns(view, source, events, self.rows, names, "as_known" if self.as_known else "as_true")


def _refuse_taken_names(rows: EntityRows, parts: Sequence[_Part]) -> None:
    """Two columns of one name would leave the caller with a guess."""
    taken = set(rows.frame.columns)
    for output in (output for part in parts for output in part.outputs.values()):
        if output in taken:
            raise RequestError(
                "features", f"{output!r} is the name of another column of the result", "ask for full_feature_names=True"
            )
        taken.add(output)
