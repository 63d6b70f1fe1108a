"""What raw scores mean, for every task."""

from __future__ import annotations

import math
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import RequestError
from features.head import Decision, Head, Prediction, require_head, to_scores
from features.sigmoid import sigmoid
from features.softmax import softmax

RAWS = st.lists(st.floats(-800, 800), min_size=1, max_size=6)


@given(RAWS)
def test_probabilities_of_classes_sum_to_one(raws: list[float]) -> None:
    """Within a rounding each, and none leaves [0, 1]."""
    scores = softmax(raws)

    assert math.isclose(math.fsum(scores), 1.0, abs_tol=1e-15 * len(raws))
    assert all(0.0 <= score <= 1.0 for score in scores)


@given(RAWS, st.randoms(use_true_random=False))
def test_the_order_of_classes_changes_no_bit(raws: list[float], random: object) -> None:
    """The sum is rounded once."""
    order = list(range(len(raws)))
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis types it as object
    shuffled = softmax([raws[i] for i in order])

    assert [shuffled[order.index(i)] for i in range(len(raws))] == list(softmax(raws))


@given(st.floats(-700, 700))
def test_two_classes_are_a_sigmoid(raw: float) -> None:
    """But for the last bits."""
    assert softmax([raw, 0.0])[0] == pytest.approx(sigmoid(raw), rel=1e-14)


def test_softmax_keeps_its_bits() -> None:
    """A golden value: a change of the arithmetic shows."""
    assert struct.pack(">3d", *softmax([0.1, 0.2, 0.3])).hex() == "3fd33d3011f771b53fd5432c9e88ee313fd77fa34f7fa01b"


@pytest.mark.parametrize(
    ("head", "raws", "prediction"),
    [
        (Head("sigmoid", (), Decision(thresholds=(0.5,), names=("no", "yes"))), [0.0], (0.0, 0.5, "yes", ())),
        (Head("identity", (), Decision(thresholds=(0.5,), names=("no", "yes"))), [0.4], (0.4, 0.4, "no", ())),
        (Head("identity"), [-7.25], (-7.25, -7.25, "", ())),
        (Head("softmax", ("a", "b", "c")), [1.0, 1.0, 0.0], (1.0, *softmax([1.0, 1.0, 0.0])[:1], "a", None)),
        (Head("identity", ("a", "b")), [0.25, 0.75], (0.75, 0.75, "b", (0.25, 0.75))),
    ],
)
def test_predictions(
    head: Head, raws: list[float], prediction: tuple[float, float, str, tuple[float, ...] | None]
) -> None:
    """The link, then the decision: of classes, the first with the highest raw score."""
    found = head.predict(raws)
    *wanted, scores = prediction

    assert found == Prediction(*wanted, softmax(raws) if scores is None else scores)  # type: ignore[arg-type]  # mixed


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("head", [Head("sigmoid"), Head("softmax", ("a", "b"))])
def test_what_is_no_number_is_no_score(head: Head, raw: float) -> None:
    """A record could not tell it, and no decision could be made of it."""
    with pytest.raises(RequestError, match=f"features: make the model give {raw}"):
        head.predict([0.0, raw][-head.n_outputs :])


@pytest.mark.parametrize(
    "bands",
    [
        {"thresholds": [], "names": ["a"]},
        {"thresholds": [0.5, 0.5], "names": ["a", "b", "c"]},
        {"thresholds": [0.5, 0.4], "names": ["a", "b", "c"]},
        {"thresholds": [0.5], "names": ["a"]},
        {"thresholds": [0.5], "names": ["a", "a"]},
    ],
)
def test_bands_that_are_none_are_refused(bands: dict[str, object]) -> None:
    """Thresholds rise, and each band has a name of its own."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bands, Decision)


@pytest.mark.parametrize(
    ("task", "head"),
    [
        ("binary", Head("softmax")),
        ("regression", Head("sigmoid")),
        ("anomaly", Head("softmax")),
        ("anomaly", Head("exp2", ("a", "b"))),
        ("clustering", Head("softmax", ("a", "b"))),
        ("clustering", Head("negated")),
        ("clustering", Head("negated", ("a", "b"), Decision(thresholds=(0.5,), names=("no", "yes")))),
        ("binary", Head("sigmoid", ("a", "b"))),
        ("multiclass", Head("softmax")),
        ("multiclass", Head("softmax", ("a",))),
        ("multiclass", Head("softmax", ("a", "a"))),
        ("multiclass", Head("softmax", ("a", "b"), Decision(thresholds=(0.5,), names=("no", "yes")))),
    ],
)
def test_heads_that_do_not_fit_their_task_are_refused(task: str, head: Head) -> None:
    """By the manifest, so that no such bundle is ever loaded."""
    with pytest.raises(ValueError, match=r"model (has|decides)"):
        require_head(task, head)  # type: ignore[arg-type]  # a parameter of the test


@given(st.lists(st.lists(st.floats(-800, 800), min_size=3, max_size=3), min_size=1, max_size=5))
def test_scores_of_many_rows_are_those_of_each(rows: list[list[float]]) -> None:
    """To the bit, by every link."""
    softmaxed = to_scores("softmax", np.array(rows))
    assert softmaxed.tolist() == [list(Head("softmax", ("a", "b", "c")).predict(row).scores) for row in rows]
    first = np.array(rows)[:, :1]
    assert to_scores("sigmoid", first).tolist() == [[Head("sigmoid").predict(row[:1]).score] for row in rows]
    assert to_scores("identity", first).tolist() == first.tolist()
    assert to_scores("exp2", first).tolist() == [[Head("exp2").predict(row[:1]).score] for row in rows]
    negated = [list(Head("negated", ("a", "b", "c")).predict(row).scores) for row in rows]
    assert to_scores("negated", np.array(rows)).tolist() == negated


def test_a_clustering_decides_on_the_nearest_and_scores_its_distance() -> None:
    """Raw scores are distances with a minus before them; none at all is nought, without a sign."""
    head = Head("negated", ("a", "b", "c"))
    found = head.predict([-2.0, -0.5, -3.0])
    assert (found.decision, found.score, found.scores) == ("b", 0.5, (2.0, 0.5, 3.0))
    assert str(head.predict([-0.0, -1.0, -1.0]).score) == "0.0"


def test_an_isolation_score_is_a_power_of_two() -> None:
    """However large: no power overflows."""
    assert Head("exp2").predict([-1.0]).score == 0.5
    assert Head("exp2").predict([5e3]).score == 2.0**1023
    assert Head("exp2").predict([-5e3]).score == 0.0
