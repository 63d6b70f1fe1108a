"""When a fit slows down and when it stops, as functions of the losses that it has seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from offline_training.learners.deep.course import Course, rate_at

losses = st.lists(st.floats(0.0, 9.0) | st.just(math.nan), max_size=40)


def course_of(seen: Sequence[float], plateau_epochs: int | None = None) -> Course:
    course = Course()
    for loss in seen:
        course = course.after(loss, plateau_epochs=plateau_epochs)
    return course


@given(losses)
def test_the_best_epoch_is_the_first_of_the_least_loss(seen: list[float]) -> None:
    """Losses that are no number count for nothing."""
    course, known = course_of(seen, 3), [loss for loss in seen if not math.isnan(loss)]
    assert course.epoch == len(seen)
    assert course.best_epoch == (seen.index(min(known)) + 1 if known else 0)
    assert course.least == min(known, default=math.inf)


@given(losses, st.integers(1, 6))
def test_the_rate_drops_once_a_plateau(seen: list[float], plateau_epochs: int) -> None:
    """So many epochs after the best one or the drop before, and never where nobody asks for it."""
    course = course_of(seen, plateau_epochs)
    for drop in course.drops:
        before = course_of(seen[:drop], plateau_epochs)
        assert drop - before.best_epoch >= plateau_epochs
    assert all(later - drop >= plateau_epochs for drop, later in zip(course.drops, course.drops[1:], strict=False))
    assert course.drops_to_best == tuple(drop for drop in course.drops if drop < course.best_epoch)
    assert course_of(seen).drops == ()


def test_a_fit_is_over_when_patience_is() -> None:
    """Counted from the best epoch."""
    seen = [3.0, 2.0, 2.5, 2.5, 2.5]
    assert [course_of(seen[:n]).is_over(3) for n in range(6)] == [False] * 5 + [True]
    assert course_of(seen, 2).drops == (4,)


def test_a_rate_is_halved_after_its_drops() -> None:
    """From the next epoch on."""
    assert [rate_at(epoch, 0.8, (2, 3)) for epoch in range(1, 6)] == [0.8, 0.8, 0.4, 0.2, 0.2]
