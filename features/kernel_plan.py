"""What a view's features make the kernel keep and merge: rows of partials, rings, and where each feature looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from features.aggregates import Accumulator, aggregate_of
from features.nouns import FeatureValue
from features.plan import AggregatePlan, SourcePlan, ViewPlan
from features.ring import CODE, FIRST_CELL, Held


class RingPlan(NamedTuple):
    """The tiles of one hop: how long they are kept, what they hold, and how much of it are cells."""

    hop_us: int
    keep_us: int
    held: Held
    n_cells: int


class Span(NamedTuple):
    """One window over one ring: which columns to merge, each as (column, code, slot). ``ring`` None means since ever.

    ``weights`` are those of a tile by its age in hops, where sums are weighted.
    """

    ring: int | None
    length_us: int
    columns: tuple[tuple[int, int, int], ...]
    weights: tuple[int, ...]


class Output(NamedTuple):
    """One feature: what picks its merged partials from those of all spans, and the function that ends them."""

    pick: Callable[[Sequence[Any]], Sequence[Any]]
    finish: Callable[[Sequence[Any], int, int], FeatureValue]
    scale: int


class KernelPlan:
    """The layout of a view's states.

    Attributes
    ----------
    slots
        What an event's row holds: integers before cells.
    rings
        One per hop, shortest first, kept as long as the longest window over it.
    ever
        What is held since ever.
    spans, outputs
        Spans, each merging a column once, and for each feature which of the merged partials it takes.

    """

    def __init__(self, view: ViewPlan, source: SourcePlan) -> None:
        self.slots = _slots(view)
        slot_of = {accumulator: slot for slot, accumulator in enumerate(self.slots)}
        self.tip: Held = tuple((CODE[accumulator.monoid], slot) for slot, accumulator in enumerate(self.slots))
        self.rings = _plan_rings(view, slot_of)
        self.ever = _held(view, slot_of, None)
        self.spans, self.outputs = self._plan_outputs(view, source, slot_of)

    def _plan_outputs(
        self, view: ViewPlan, source: SourcePlan, slot_of: dict[Accumulator, int]
    ) -> tuple[tuple[Span, ...], tuple[Output, ...]]:
        ring_at = {ring.hop_us: i for i, ring in enumerate(self.rings)}
        wanted: dict[Span, list[int]] = {}
        taken: list[tuple[Span, list[int]]] = []
        for feature in view.features:
            at = None if feature.hop_us is None else ring_at[feature.hop_us]
            slots = [slot for _, slot in self._held_at(at)]
            span = Span(at, feature.window_us or 0, (), feature.weights)
            columns = [slots.index(slot_of[accumulator]) for accumulator in _accumulators(feature)]
            wanted.setdefault(span, []).extend(columns)
            taken.append((span, columns))
        spans: list[Span] = []
        place: dict[tuple[Span, int], int] = {}
        for span, columns in wanted.items():
            distinct = tuple(dict.fromkeys(columns))
            held = self._held_at(span.ring)
            spans.append(span._replace(columns=tuple((column, *held[column]) for column in distinct)))
            for column in distinct:
                place[span, column] = len(place)
        outputs = []
        for feature, (span, columns) in zip(view.features, taken, strict=True):
            picked = [place[span, column] for column in columns]
            # a slice of one, or an itemgetter of several: both make a sequence without a frame of Python's
            pick = itemgetter(slice(picked[0], picked[0] + 1)) if len(picked) == 1 else itemgetter(*picked)
            scale = 10 ** (source.column(feature.column).decimals or 0)
            outputs.append(Output(pick, aggregate_of(feature.function).finish, scale))
        return tuple(spans), tuple(outputs)

    def _held_at(self, ring: int | None) -> Held:
        return self.ever if ring is None else self.rings[ring].held


def _accumulators(feature: AggregatePlan) -> tuple[Accumulator, ...]:
    return aggregate_of(feature.function).accumulators(feature.column)


def _slots(view: ViewPlan) -> tuple[Accumulator, ...]:
    """Each accumulator once, in order of first use, integers before cells."""
    needed = dict.fromkeys(accumulator for feature in view.features for accumulator in _accumulators(feature))
    return tuple(sorted(needed, key=lambda accumulator: accumulator.is_cell))


def _held(view: ViewPlan, slot_of: dict[Accumulator, int], hop_us: int | None) -> Held:
    """What the features of one hop need of a row (None: since ever), by ascending slot."""
    features: Iterable[AggregatePlan] = (feature for feature in view.features if feature.hop_us == hop_us)
    slots = sorted({slot_of[accumulator] for feature in features for accumulator in _accumulators(feature)})
    monoids = {slot: accumulator.monoid for accumulator, slot in slot_of.items()}
    return tuple((CODE[monoids[slot]], slot) for slot in slots)


def _plan_rings(view: ViewPlan, slot_of: dict[Accumulator, int]) -> tuple[RingPlan, ...]:
    keep: dict[int, int] = {}
    for feature in view.features:
        if feature.hop_us is not None and feature.window_us is not None:
            keep[feature.hop_us] = max(keep.get(feature.hop_us, 0), feature.window_us)
    held = {hop: _held(view, slot_of, hop) for hop in sorted(keep)}
    return tuple(RingPlan(hop, keep[hop], held[hop], sum(code >= FIRST_CELL for code, _ in held[hop])) for hop in held)
