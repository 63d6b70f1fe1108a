"""What is said of models without labels: scikit-learn's figures, and gates that structure passes and noise fails."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score, silhouette_score

from features.errors import DomainError
from features.head import to_scores
from features.model_file import ChecksSpec, DecisionSpec, EvaluationSpec, ModelSpec, ThresholdSpec
from offline_training.conversion.float_rows import within_float32
from offline_training.evaluation import AnomaliesEvaluation, ClustersEvaluation, Outcomes
from offline_training.evaluation.fairness import fairness_of
from offline_training.evaluation.figures import measure
from offline_training.evaluation.targets import judge_targets
from offline_training.learners import LEARNERS, Learned, Sample
from offline_training.learners.learned_clusters import LearnedClusters
from offline_training.unsupervised import Found, evaluate_unsupervised

CLUSTERS = ModelSpec(
    service="s", task="clustering", algorithm="kmeans", params={"n_clusters": 3}, checks=ChecksSpec(min_silhouette=0)
)
ODD = ModelSpec(
    service="s",
    task="anomaly",
    algorithm="isolation_forest",
    params={"n_estimators": 30},
    decision=DecisionSpec(positive="odd", negative="usual"),
    evaluation=EvaluationSpec(threshold=ThresholdSpec(contamination=0.1)),
    checks=ChecksSpec(min_stability=0),
)


def fitting(spec: ModelSpec) -> Callable[[np.ndarray], Learned]:
    def fit(rows: np.ndarray) -> Learned:
        learner = LEARNERS[spec.algorithm]
        return learner.fit(Sample(rows, np.full(len(rows), np.nan), spec.task, 0), spec.params, seed=spec.seed)

    return fit


def held(spec: ModelSpec, rows: np.ndarray, later: np.ndarray, labels: np.ndarray) -> Found:
    fit = fitting(spec)
    return evaluate_unsupervised(spec, fit, fit(rows), rows, later, labels)


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    """Fisher's flowers in an order of their own."""
    bunch = load_iris()
    order = np.random.default_rng(1).permutation(len(bunch.target))
    return bunch.data[order], bunch.target[order].astype(np.float64)


def test_the_clusters_of_iris_are_its_species(iris: tuple[np.ndarray, np.ndarray]) -> None:
    """As far as any clustering finds them; they lie further apart than those of shuffled columns, and are stable."""
    rows, species = iris
    found = held(CLUSTERS, rows[:90], rows[90:], species[90:])
    test = found.test
    assert isinstance(test, ClustersEvaluation)
    assert found.spec.classes == ("cluster_0", "cluster_1", "cluster_2")
    assert test.adjusted_rand is not None
    assert test.adjusted_rand > 0.5
    assert test.stability > 0.6
    assert all(gate.passed for gate in found.gates)
    model = fitting(CLUSTERS)(rows[:90])
    assert isinstance(model, LearnedClusters)
    clusters = model.raw(rows[90:]).argmax(axis=1)
    assert test.silhouette == pytest.approx(silhouette_score(model.preparation.apply(rows[90:]), clusters))


def test_noise_has_no_clusters() -> None:
    """The gate fails, most of the time; labels that are not there are not asked for."""
    gates = []
    for seed in range(6):
        rows = np.random.default_rng(seed).normal(size=(300, 4))
        found = held(CLUSTERS, rows[:200], rows[200:], np.full(100, np.nan))
        assert isinstance(found.test, ClustersEvaluation)
        assert found.test.adjusted_rand is None
        gates += [gate.value - gate.least for gate in found.gates]
    assert max(map(abs, gates)) < 0.1
    assert min(gates) < 0.0


def test_a_single_column_has_no_gate() -> None:
    """Shuffling it changes nothing, so what passed would pass by chance."""
    rows = np.random.default_rng(0).normal(size=(300, 1))
    with pytest.raises(DomainError, match="clusters a single feature"):
        held(CLUSTERS, rows[:200], rows[200:], np.full(100, np.nan))


def test_what_was_put_apart_is_found() -> None:
    """Thirty rows far from all others, of which no label tells the model; an unlabelled row counts as unknown."""
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(size=(570, 3)), rng.normal(6, 1, size=(30, 3))])
    labels = np.repeat([0.0, 1.0], [570, 30])
    order = rng.permutation(600)
    rows, labels = rows[order], labels[order]
    found = held(ODD, rows[:300], rows[300:], np.where(np.arange(300) % 2, np.nan, labels[300:]))
    test, decision = found.test, found.spec.decision
    assert isinstance(test, AnomaliesEvaluation)
    assert decision is not None
    assert test.roc_auc is not None
    assert test.roc_auc > 0.95
    assert test.stability > 0.7
    assert [(gate.name, gate.passed) for gate in found.gates] == [("against_chance", True)]
    model = fitting(ODD)(rows[:300])
    scores = to_scores(model.link, model.raw(rows[:300]))[:, 0]
    assert (scores >= decision.threshold).sum() == 30
    stated = msgspec.structs.replace(ODD, evaluation=EvaluationSpec())
    assert held(stated, rows[:300], rows[300:], labels[300:]).spec.decision == ODD.decision


def test_scores_are_scikit_learns() -> None:
    """`IsolationForest.score_samples`, but for its sign: NaN, infinities and what float32 does not hold included."""
    rows = np.random.default_rng(4).normal(size=(400, 3))
    rows[::5, 1] = np.nan
    asked = np.vstack([rows, [[np.inf, -np.inf, 1e300], [np.nan, np.nan, np.nan]]])
    ours = fitting(ODD)(rows)
    theirs = IsolationForest(n_estimators=30, max_samples=256, random_state=0).fit(within_float32(rows))
    expected = -theirs.score_samples(within_float32(asked))
    np.testing.assert_allclose(to_scores(ours.link, ours.raw(asked))[:, 0], expected, rtol=1e-15)


def test_figures_of_scores() -> None:
    """Computed by hand; ROC AUC is of the rows with a label alone."""
    scores = np.array([0.1, 0.9, 0.4, 0.6])
    labels = np.array([0.0, 1.0, np.nan, 1.0])
    found = measure(Outcomes("anomaly", labels, scores, threshold=0.6))
    assert found["flagged"] == 0.5
    assert found["score_median"] == 0.4
    assert found["score_p99"] == 0.9
    assert found["roc_auc"] == roc_auc_score([0, 1, 1], [0.1, 0.9, 0.6])
    apart = measure(Outcomes("clustering", np.full(2, np.nan), np.array([[1.0, 2.0], [3.0, 0.0]])))
    assert apart == {"distance": 0.5, "inertia": 0.5, "simplified_silhouette": 0.75}


def test_a_target_that_nothing_tells_is_missed() -> None:
    """ROC AUC of anomalies, where no tested row has a label."""
    unknown = Outcomes("anomaly", np.full(3, np.nan), np.array([0.2, 0.3, 0.7]))
    figures = {"flagged": 0.1}
    missed, met = judge_targets({"roc_auc": 0.9, "flagged": 0.2}, figures, unknown)
    assert (missed.met, met.met) == (False, True)
    assert missed.line() == "target roc_auc at least 0.9 missed: not measured"


def test_groups_are_compared_by_how_far_they_lie_from_their_clusters() -> None:
    """Over that of all; or by how often they are flagged. Too few rows of a group say nothing, which is the widest."""
    near, far = np.tile([0.5, 2.0], (40, 1)), np.tile([4.0, 1.5], (40, 1))
    groups = {"garden": np.array(["north"] * 40 + ["south"] * 40, dtype=object)}
    outcomes = Outcomes("clustering", np.full(80, np.nan), np.concatenate([near, far]))
    (found,) = fairness_of(outcomes, groups)
    assert found.gaps == {"distance": pytest.approx(1.0)}
    scores = np.array([0.7] * 10 + [0.3] * 30 + [0.3] * 40)
    (flagged,) = fairness_of(Outcomes("anomaly", np.full(80, np.nan), scores, threshold=0.5), groups)
    assert flagged.gaps == {"selection_rate": 0.25}
    (few,) = fairness_of(outcomes.take(np.arange(45)), {"garden": groups["garden"][:45]})
    assert few.gap == 1.0


def test_more_clusters_than_rows_are_refused() -> None:
    """There are no such clusters."""
    with pytest.raises(DomainError, match=r"n_clusters: is 3, of 2 distinct rows"):
        fitting(CLUSTERS)(np.repeat([[0.0], [1.0]], 5, axis=0))
