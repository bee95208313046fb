"""Metrics against scipy and scikit-learn, and where those give no number."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from jaxemb.evaluation.metrics import average_precision, macro_f1, pearson, spearman, v_measure


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
