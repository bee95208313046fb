"""Where the axes of the plots end."""

from jaxemb.report.findings import Estimate, Row
from jaxemb.report.plots.intervals import _reach

METRIC = "retrieval/ndcg@10"


def row(name, mean, half, control=False):
    found = Estimate(mean=mean, low=mean - half, high=mean + half, seeds=())
    return Row(name=name, scores={METRIC: found}, control=control)


def test_a_near_control_is_drawn_with_its_whole_interval_and_a_far_one_is_not():
    arms = [row("one", 0.40, 0.04), row("two", 0.43, 0.04)]
    near, far = row("bm25", 0.50, 0.05, control=True), row("random", 0.0, 0.01, control=True)
    low, high = _reach(arms, [*arms, near, far], METRIC)
    assert high > 0.55 and 0.2 < low < 0.36
    assert _reach(arms, arms, METRIC)[1] < 0.55


def test_without_scores_the_axis_is_that_of_a_share():
    assert _reach([], [], METRIC) == (0.0, 1.0)
