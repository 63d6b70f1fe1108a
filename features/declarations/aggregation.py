"""`Aggregation` → `AggregatePlan`: a known function of a fitting column over a sensible window."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from features.aggregates import AGGREGATES, Aggregate, aggregate_of
from features.aggregates.ewma import MAX_TILES, decay_weights
from features.durations import parse_duration_us
from features.errors import DomainError
from features.plan import AggregatePlan, SourcePlan
from features.windows import default_hop_us

HALF_LIFE = "half_life"
"""Tag of a view: ``half_life.<feature>``; a quarter of the window where there is none."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MICROSECOND = timedelta(microseconds=1)
