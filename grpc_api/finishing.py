"""From stored states to finished features: every window ended at the instant of the request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from features.nouns import ViewReading
from features.vector import UNREAD, ViewValues
from grpc_api.births import Births
from grpc_api.served_model import Inputs


class Finished(msgspec.Struct, frozen=True, gc=False):
    """One row's features, as the windows stand at an instant, and the bytes of the states that they come from.

    ``stored`` is None where they could not be read.
    """

    values: dict[str, ViewValues]
    stored: Sequence[bytes | None] | None
    newest_us: int | None


def finish(inputs: Inputs, stored: Sequence[bytes | None] | None, as_of_us: int) -> Finished:
    """End every window at ``as_of_us``, or at a view's newest event where that is later."""
    if stored is None:
        return Finished(dict.fromkeys((view.name for view in inputs.views), UNREAD), None, None)
    values, newest = {}, None
    for view, kernel, data in zip(inputs.views, inputs.kernels, stored, strict=True):
        if data is None:
            values[view.name] = ViewValues(kernel.finish(kernel.new_state(), as_of_us), None)
            continue
        finished, newest_us = kernel.finish_stored(data, as_of_us)
        values[view.name] = ViewValues(finished, newest_us)
        if newest is None or newest_us > newest:
            newest = newest_us
    return Finished(values, stored, newest)


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
                newest_us=finished.values[view.name].newest_us,
            )
            for view, kernel, data in zip(inputs.views, inputs.kernels, finished.stored, strict=True)
        ]
    )
