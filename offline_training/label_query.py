"""A model's ``labels.sql``, ready to be run over a lake's events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from features.domain import Domain
from features.errors import DomainError
from features.plan import Plan, ViewPlan
from offline_training.training_table import TIME

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LabelQuery(NamedTuple):
    """The SQL and the file that it stands in; join keys and columns beside the inputs; where the lake ends."""

    where: str
    sql: str
    keys: tuple[str, ...]
    beside: tuple[str, ...]
    lake_end: datetime

    def run(self, connection: Any) -> pa.Table:
        """Its rows in order of time and keys; DomainError where it does not run."""
        order = ", ".join(
            [*(f'"{name}"' for name in (TIME, *self.keys)), "COLUMNS(*)"]
        )  # ties would fall as threads have it
        query = f"SELECT * FROM (\n{self.sql}\n) ORDER BY {order}"  # noqa: S608 - the domain's own SQL
        try:
            table: pa.Table = connection.sql(query, params={"lake_end": self.lake_end}).to_arrow_table()
        except duckdb.Error as error:
            raise DomainError(self.where, f"does not run ({error})", "correct the SQL") from error
        return table


def label_query(plan: Plan, domain: Domain, model: str, lake_end_us: int) -> LabelQuery:
    """The query of a model; ``lake_end_us`` is the newest event time that the lake holds."""
    spec = domain.models[model]
    return LabelQuery(
        where=str(domain.repo / spec.labels),
        sql=domain.labels_sql(model).strip().rstrip(";"),
        keys=_key_names(plan.views_of_service(spec.service)),
        beside=spec.beside,
        lake_end=_EPOCH + timedelta(microseconds=lake_end_us),
    )


def _key_names(views: Sequence[ViewPlan]) -> tuple[str, ...]:
    """Join keys of all views of a service, each once."""
    return tuple(dict.fromkeys(key.name for view in views for key in view.keys))
