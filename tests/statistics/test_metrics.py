"""Metrics against scipy and scikit-learn, and where those give no number."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from sklearn.preprocessing import normalize

from jaxemb.statistics.metrics import (
    average_precision,
    macro_f1,
    pearson,
    ranking_precision,
    ranks,
    spearman,
    v_measure,
)
from jaxemb.statistics.similarities import unit_rows


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def test_correlations_with_ties(draw):
    prediction = draw.integers(0, 9, 300).astype("float32")
    gold = prediction + draw.integers(0, 9, 300).astype("float64")
    assert spearman(prediction, gold) == pytest.approx(
        scipy.stats.spearmanr(prediction, gold).statistic
    )
    assert pearson(prediction, gold) == pytest.approx(
        scipy.stats.pearsonr(prediction, gold).statistic
    )


def test_a_constant_orders_nothing():
    assert spearman(np.ones(4), np.arange(4.0)) == pearson(np.arange(4.0), np.ones(4)) == 0


def test_average_precision(draw):
    prediction, gold = (
        draw.integers(0, 20, 200).astype(float),
        draw.integers(0, 2, 200).astype(float),
    )
    expected = sklearn.metrics.average_precision_score(gold, prediction)
    assert average_precision(prediction, gold) == pytest.approx(expected)
    assert average_precision(prediction, np.zeros(200)) == 0


def test_macro_f1_by_hand():
    label, assignment = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    assert macro_f1(assignment, label) == pytest.approx((0.5 + 0.8 + 0) / 3)


def test_v_measure_is_the_mean_over_runs():
    label = np.array([0, 0, 1, 1])
    runs = np.stack([np.array([5, 5, 3, 3]), np.array([0, 0, 0, 0])], axis=1)
    assert v_measure(runs, label) == pytest.approx(0.5)


def test_label_ranking_precision_with_ties(draw):
    scores, label = draw.integers(0, 3, (80, 6)), draw.random((80, 6)) < 0.4
    label[0], label[1] = False, True
    expected = sklearn.metrics.label_ranking_average_precision_score(label, scores)
    assert ranking_precision(scores, label).mean() == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 7])
def test_macro_f1_is_sklearns_for_runs_and_sets(draw, classes):
    label, runs = draw.integers(0, classes, 60), draw.integers(0, classes + 1, (60, 3))
    expected = [sklearn.metrics.f1_score(label, run, average="macro") for run in runs.T]
    assert macro_f1(runs, label) == pytest.approx(np.mean(expected))
    sets, given = draw.random((60, classes)) < 0.3, draw.random((60, classes)) < 0.3
    sets[:, 0] = given[:, 0] = False
    expected = sklearn.metrics.f1_score(sets, given, average="macro", zero_division=0)
    assert macro_f1(given[..., None], sets) == pytest.approx(expected)


def test_v_measure_of_samples_is_sklearns_on_what_was_drawn(draw):
    label, runs = draw.integers(0, 4, 60), draw.integers(0, 5, (60, 3)).astype(np.int32)
    times = draw.integers(0, 4, (60, 3))
    expected = [
        sklearn.metrics.v_measure_score(np.repeat(label, drawn), np.repeat(run, drawn))
        for run, drawn in zip(runs.T, times.T, strict=True)
    ]
    assert v_measure(runs, label, times) == pytest.approx(np.mean(expected))
    constant = np.zeros((60, 1), np.int32)
    assert v_measure(constant, label) == pytest.approx(0)
    assert v_measure(constant, constant[:, 0]) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_unit_length(dtype):
    vectors = np.random.default_rng(3).normal(size=(2, 5, 7)).astype(dtype)
    vectors[1, 2] = 0
    found = unit_rows(vectors)
    assert found.dtype == dtype
    flat = normalize(vectors.reshape(10, 7)).reshape(2, 5, 7)
    np.testing.assert_allclose(found, flat, rtol=8 * np.finfo(dtype).eps)
    assert not found[1, 2].any()


def test_ranks_share_ties():
    values = np.array([[3, 1, 3, 2], [0, 0, 0, 5]])
    assert ranks(values, axis=1).tolist() == [[3.5, 1, 3.5, 2], [2, 2, 2, 4]]
    assert ranks(values[0]).tolist() == [3.5, 1, 3.5, 2]
