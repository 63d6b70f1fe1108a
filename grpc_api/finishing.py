"""From stored states to finished features, and to vectors: every window ended at the instant of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from features.nouns import ViewReading
from features.vector import UNREAD, RequestValue, Vector, ViewValues
from grpc_api.births import Births
from grpc_api.served_model import Inputs


class Finished(msgspec.Struct, frozen=True, gc=False):
    """The bytes of the states that one row's features were finished from, and their newest events.

    ``stored`` is None where they could not be read. ``newest`` has an instant for each view, None where the entity is
    unknown to it; ``newest_us`` is the newest of all.
    """

    stored: Sequence[bytes | None] | None
    newest: Sequence[int | None]
    newest_us: int | None


def finish(
    inputs: Inputs, stored: Sequence[bytes | None] | None, as_of_us: int
) -> tuple[Finished, dict[str, ViewValues]]:
    """End every window at ``as_of_us``, or at a view's newest event where that is later: the features by view."""
    if stored is None:
        return Finished(None, (), None), dict.fromkeys((view.name for view in inputs.views), UNREAD)
    values: dict[str, ViewValues] = {}
    for view, kernel, data in zip(inputs.views, inputs.kernels, stored, strict=True):
        if data is None:
            values[view.name] = ViewValues(kernel.finish(kernel.new_state(), as_of_us), None)
        else:
            values[view.name] = ViewValues(*kernel.finish_stored(data, as_of_us))
    newest = [of_view.newest_us for of_view in values.values()]
    return Finished(stored, newest, max((us for us in newest if us is not None), default=None)), values


def to_vector(
    inputs: Inputs, stored: Sequence[bytes | None] | None, as_of_us: int, request: Mapping[str, RequestValue]
) -> tuple[Finished, Vector]:
    """The vector of a row, put together of its finished features; by the short way where the row has one."""
    if inputs.take_fresh is not None and stored is not None and not request:
        fresh = inputs.take_fresh(stored, as_of_us)
        if fresh is not None:
            numbers, newest, newest_us = fresh
            return Finished(stored, newest, newest_us), Vector(numbers, [])
    finished, values = finish(inputs, stored, as_of_us)
    return finished, inputs.assembler.assemble(as_of_us, values, request)


def readings(inputs: Inputs, finished: Finished, births: Births) -> tuple[ViewReading, ...]:
    """Which states these are, as records and answers tell it."""
    if finished.stored is None:
        return ()
    return tuple(
        [
            ViewReading(
                view=view.name,
                view_hash=view.hash,
                birth=births.birth(view),
                positions=() if data is None else kernel.positions_of(data),
                newest_us=newest_us,
            )
            for view, kernel, data, newest_us in zip(
                inputs.views, inputs.kernels, finished.stored, finished.newest, strict=True
            )
        ]
    )
