"""The words of texts: scikit-learn's figures, ONNX Runtime's bits, and nothing of what the vocabulary does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from features.approval.onnx_scan import faults_of
from features.errors import DomainError
from features.model_file import PreparationSpec, TextSpec
from offline_training.learners import LEARNERS, Sample
from offline_training.preparation import prepared
from offline_training.preparation.steps import fit_steps, require_inputs
from offline_training.preparation.tfidf import fit_tfidf
from offline_training.proof import prove
from tests.offline_training.preparation.test_steps import _run, _session

N_WORDS = 7
NAMES = ("t:n", *(f"t:word_{i}" for i in range(N_WORDS)))
SPEC = PreparationSpec(texts={"text": TextSpec(words="t:word_", vocabulary=12, min_rows=2)})


def texts(n: int = 200, seed: int = 0) -> np.ndarray:
    """Rows of a number, and of some words each, the lower ones commoner; many texts are shorter, some are empty."""
    rng = np.random.default_rng(seed)
    rows = np.full((n, len(NAMES)), np.nan)
    for row in rows:
        n_words = rng.integers(0, N_WORDS + 1)
        row[0] = n_words
        row[1 : 1 + n_words] = np.minimum(rng.geometric(0.15, n_words), 40) * 1_000_003.0
    return rows


STEPS = fit_steps(SPEC, NAMES, texts(), np.zeros(200), n_classes=2, seed=3).steps
SESSION = _session(STEPS)
WORDS = [number * 1_000_003.0 for number in range(42)]
spoken = st.sampled_from(WORDS) | st.floats(allow_nan=True, allow_infinity=True)


def test_it_weighs_words_as_scikit_learn_does() -> None:
    """Of the same words, to the last digits; and the rare ones are left out."""
    rows = texts()
    words = [[f"{word:.0f}" for word in row[~np.isnan(row)].tolist()] for row in rows[:, 1:]]
    step = fit_tfidf("text", tuple(range(1, 1 + N_WORDS)), rows, most=1_000, min_rows=2)
    theirs = TfidfVectorizer(analyzer=lambda found: found, min_df=2).fit(words)
    assert sorted(theirs.get_feature_names_out(), key=float) == [f"{word:.0f}" for word in step.words]
    order = [theirs.vocabulary_[f"{word:.0f}"] for word in step.words]
    np.testing.assert_allclose(step.apply(rows), theirs.transform(words).toarray()[:, order], rtol=1e-14, atol=0)


def test_the_commonest_words_are_the_vocabulary() -> None:
    """At most so many; of equally common ones, those of the lower number. Steps know no other rows' words."""
    rows = np.array([[5.0, 9.0, 7.0], [5.0, 9.0, np.nan], [5.0, 8.0, 8.0], [6.0, np.inf, np.nan]])
    assert fit_tfidf("t", (0, 1, 2), rows, most=2, min_rows=1).words == (5.0, 9.0)
    assert fit_tfidf("t", (0, 1, 2), rows, most=3, min_rows=1).words == (5.0, 6.0, 9.0)
    with pytest.raises(DomainError, match=r"texts\.t: no word is in 4 rows"):
        fit_tfidf("t", (0, 1, 2), rows, most=3, min_rows=4)


@settings(deadline=None)
@given(st.lists(st.tuples(*[spoken] * len(NAMES)), min_size=1, max_size=6))
def test_numpy_and_onnx_runtime_give_the_same_bits(rows: list[tuple[float, ...]]) -> None:
    """Whatever a row holds, together and one by one."""
    found = np.array(rows)
    expected = STEPS.apply(found).tobytes()
    assert _run(SESSION, found).tobytes() == expected
    assert b"".join(_run(SESSION, row[np.newaxis]).tobytes() for row in found) == expected


def test_what_the_vocabulary_does_not_know_is_nothing() -> None:
    """An empty text, and one of unseen words alone, are nought; beside a known word, unseen ones change nothing."""
    known = STEPS.steps[1].names
    assert len(known) == 12
    rows = np.full((4, len(NAMES)), np.nan)
    rows[:, 0] = 1.0
    rows[1, 1:] = 123.0
    rows[2, 1] = 1_000_003.0
    rows[3, 1:] = [123.0, 1_000_003.0, *[456.0] * 5]
    empty, unseen, one, beside = STEPS.apply(rows)
    assert not empty[1:].any()
    assert not unseen[1:].any()
    assert one[1:].max() == 1.0 == one[1:].sum()
    assert beside.tobytes() == one.tobytes()


@pytest.mark.parametrize("name", ["logistic_regression", "lightgbm"])
def test_a_model_of_texts_is_the_trained_one(name: str, tmp_path: Path) -> None:
    """Proven as any other, of operators that the security scan knows; its words are gone from its own inputs."""
    rows = texts(600)
    labels = np.nansum(rows[:, 1:] == 1_000_003.0, axis=1).clip(0, 1).astype(np.float64)
    learner = prepared(LEARNERS[name], SPEC, NAMES)
    model = learner.fit(Sample(rows, labels, "binary", 2), {}, seed=3)
    exported = model.export()
    proof = prove(exported, model.raw, rows)
    assert proof.max_abs_diff <= exported.max_abs_diff
    assert model.importance[1:].sum() > model.importance[0]
    (tmp_path / "model.onnx").write_bytes(exported.onnx)
    assert list(faults_of(tmp_path / "model.onnx")) == []
    assert ((model.raw(rows)[:, 0] > 0.0) == (labels == 1.0)).mean() > 0.95


def test_texts_of_no_inputs_are_refused() -> None:
    """By name, with the inputs that there are."""
    with pytest.raises(DomainError, match=r"texts\.text\.words: no input begins with 't:word_'; inputs are v:a"):
        require_inputs(SPEC, ("v:a",))
