"""Variance over seeds, tasks and examples: against simulation, and the tests built on it."""

import numpy as np
import pytest
import scipy.stats

from jaxemb.config import UsageError
from jaxemb.statistics import (
    Comparison,
    Components,
    clusters_needed,
    compare_tasks,
    detectable_difference,
    main_metrics,
    mean_over_tasks,
    pseudo_values,
    task_scores,
    variance_components,
)
from jaxemb.statistics.metrics import spearman
from jaxemb.statistics.resampling import jackknife
from jaxemb.statistics.result import Result

PARTS = ("seed", "task", "example", "seed_task", "residual")


@pytest.fixture
def draw():
    return np.random.default_rng()


def cells(draw, seeds=5, tasks=6, clusters=30, effect=0.0, sizes=None, **scales):
    """Scores of every cluster, with noise of every kind; standard deviations by name."""
    scale = dict.fromkeys(PARTS, 0.0) | scales
    by_seed = draw.normal(scale=scale["seed"], size=(seeds, 1))
    found = []
    for count in sizes or [clusters] * tasks:
        values = effect + by_seed + draw.normal(scale=scale["task"])
        values = values + draw.normal(scale=scale["seed_task"], size=(seeds, 1))
        values = values + draw.normal(scale=scale["example"], size=count)
        found.append(values + draw.normal(scale=scale["residual"], size=(seeds, count)))
    return found


NOISE = dict(seed=0.3, task=0.5, example=1.0, seed_task=0.4, residual=0.8)


def test_every_component_is_found(draw):
    found = [variance_components(cells(draw, 6, 10, 20, **NOISE)) for _ in range(300)]
    for name in PARTS:
        mean = np.mean([getattr(one, name) for one in found])
        assert mean == pytest.approx(NOISE[name] ** 2, rel=0.15), name


def test_components_are_those_of_a_two_way_table_where_examples_are_many(draw):
    tasks = cells(draw, 4, 5, 2, **NOISE)
    table = np.stack([task.mean(axis=1) for task in tasks], axis=1)
    found = variance_components(tasks)
    assert found.effect == pytest.approx(table.mean())
    centred = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    rest = np.sum(centred**2) / 12
    expected = max(0.0, (5 * np.var(table.mean(1), ddof=1) - rest) / 5)
    assert found.seed == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [None, [5, 10, 20, 40, 80, 10]], ids=["equal", "unequal"])
def test_the_variance_of_the_mean_is_the_one_that_repetition_shows(draw, sizes):
    found = [variance_components(cells(draw, sizes=sizes, **NOISE)) for _ in range(400)]
    expected = np.mean([one.over_tasks().standard_error ** 2 for one in found])
    assert expected == pytest.approx(np.var([one.effect for one in found]), rel=0.3)


@pytest.mark.parametrize(
    "scales",
    [
        dict(seed=0.3, residual=0.5),
        dict(task=0.5, example=1.0),
        dict(seed=0.2, task=0.3, example=1.0, seed_task=0.3, residual=1.0),
        dict(residual=1.0),
    ],
    ids=lambda scales: "+".join(scales),
)
@pytest.mark.parametrize("seeds", [1, 5])
def test_equal_arms_are_told_apart_no_more_often_than_promised(draw, scales, seeds):
    if seeds == 1 and not {"task", "example"} & set(scales):
        scales = scales | {"task": 0.2}
    if seeds == 1:
        scales = {name: x for name, x in scales.items() if name in ("task", "example")}
    trials = 400
    ps = [
        variance_components(cells(draw, seeds, 8, 10, **scales)).over_tasks().p
        for _ in range(trials)
    ]
    assert np.sum(np.array(ps) < 0.05) <= scipy.stats.binom.ppf(0.9999, trials, 0.05)


def test_a_claim_about_these_tasks_leaves_their_spread_out(draw):
    found = variance_components(cells(draw, 5, 8, 50, task=2.0, example=0.3, residual=0.3))
    assert found.over_examples().standard_error < 0.2 * found.over_tasks().standard_error
    assert found.over_examples().effect == found.over_tasks().effect
    assert found.over_tasks().degrees == 4


def test_one_seed_is_a_t_test_over_tasks(draw):
    tasks = cells(draw, 1, 9, 10, task=1.0, example=0.1)
    means = [task.mean() for task in tasks]
    found = variance_components(tasks).over_tasks()
    assert found.p == pytest.approx(scipy.stats.ttest_1samp(means, 0).pvalue, rel=1e-6)
    assert found.standard_error == pytest.approx(scipy.stats.sem(means))


def test_planned_studies_find_what_they_are_planned_for(draw):
    """A study of the size that is called enough finds the difference four times in five."""
    truth = Components(
        effect=0.0,
        **{name: scale**2 for name, scale in NOISE.items()},
        seeds=5,
        tasks=6,
        clusters=30,
    )
    tasks = truth.tasks_needed(1.0)
    assert truth.detectable(tasks=tasks) <= 1.0 < truth.detectable(tasks=tasks - 1)
    hits = [
        variance_components(cells(draw, 5, tasks, 30, effect=1.0, **NOISE)).over_tasks().p < 0.05
        for _ in range(400)
    ]
    assert 0.72 <= np.mean(hits) <= 0.95


def test_needed_numbers_are_the_smallest_that_are_enough():
    found = Components(
        effect=0.1, seed=1e-4, task=1e-5, example=0.01, seed_task=0.0, residual=0.01,
        seeds=3, tasks=10, clusters=50,
    )  # fmt: skip
    seeds, clusters = found.seeds_needed(0.015), found.clusters_needed(0.05)
    assert found.detectable(seeds=seeds) <= 0.015 < found.detectable(seeds=seeds - 1)
    assert found.detectable(clusters=clusters) <= 0.05 and clusters >= 2
    assert found.seeds_needed(1e-4) is None
    assert sum(found.shares().values()) == pytest.approx(found.over_tasks().standard_error ** 2)


def test_clusters_needed_make_the_difference_detectable():
    found = Comparison(
        effect=0.02, seed_variance=1e-6, example_variance=4e-4, degrees=4, seeds=5, clusters=60
    )
    needed = found.clusters_needed
    for clusters, enough in ((needed, True), (0.99 * needed, False)):
        error = np.sqrt(1e-6 + 4e-4 * 60 / clusters)
        assert (detectable_difference(error, 4) <= 0.02) == enough
    assert clusters_needed(0.003, found) is None
    alone = Comparison(effect=0.0, seed_variance=1.0, example_variance=0.0, degrees=4, seeds=5)
    assert clusters_needed(1.0, alone) is None


def test_clusters_of_tasks_are_counted_whatever_the_metric(draw):
    """A correlation's are left out in groups; what is needed is clusters, not groups."""
    gold, found = draw.normal(size=300), []
    for _ in range(2):
        rows = {}
        for task in ("s", "t"):
            examples = {
                "prediction": draw.normal(size=300),
                "gold": gold,
                "cluster": np.arange(300),
            }
            score = spearman(examples["prediction"], gold)
            rows[task] = Result(metrics={"spearman": score}, examples=examples)
        found.append([rows])
    compared = compare_tasks(*found, {"s": "spearman", "t": "spearman"})
    assert compared.clusters == pytest.approx(300)
    assert mean_over_tasks(found[0], {"s": "spearman", "t": "spearman"}).clusters == 300


def test_pseudo_values_average_to_the_score(draw):
    rows = {"x": draw.normal(size=60)}
    clusters = np.repeat(np.arange(12), 5)
    influence = jackknife(lambda records: records["x"].mean(), rows, clusters)
    found = pseudo_values(np.array([rows["x"].mean()]), influence[None])
    np.testing.assert_allclose(found[0], rows["x"].reshape(12, 5).mean(axis=1))


def arm(draw, gains, seeds=3, pairs=120):
    """Results of a task that is a mean over examples and of one that is a correlation."""
    shared = np.random.default_rng(0).normal(size=pairs)
    out = []
    for _ in range(seeds):
        hits = gains[0] + shared + draw.normal(size=pairs)
        guess = gains[1] * shared + draw.normal(size=pairs)
        clusters = np.arange(pairs) // 2
        out.append(
            {
                "mean": Result(
                    metrics={"x": hits.mean()}, examples={"x": hits, "cluster": clusters}
                ),
                "sts": Result(
                    metrics={"spearman": spearman(guess, shared)},
                    examples={"prediction": guess, "gold": shared, "cluster": clusters},
                ),
                "mean@dim=2": Result(metrics={"x": 0.0}),
            }
        )
    return out


def test_arms_are_compared_over_tasks_of_any_metric(draw):
    a, b = arm(draw, (3.0, 2.0)), arm(draw, (0.0, 0.5))
    metrics = main_metrics([a, b])
    assert metrics == {"mean": "x", "sts": "spearman"}
    found = compare_tasks(a, b, metrics)
    scores = task_scores([a, b], metrics)
    assert found.effect == pytest.approx((scores[:, 0] - scores[:, 1]).mean())
    assert (found.seeds, found.tasks) == (3, 2)
    assert found.over_examples().p < 0.05
    again = compare_tasks(a, b[:1], metrics)
    one = np.mean([b[0][task].metrics[metric] for task, metric in metrics.items()])
    assert again.effect == pytest.approx(scores[:, 0].mean() - one)


def test_what_only_describes_a_model_is_no_main_metric(draw):
    """A bias against the end of a text is neither a higher nor a lower place among models."""
    rows = {
        "a": Result(metrics={"ndcg@10": 0.5}),
        "b": Result(metrics={"gap": 0.1, "gap@0.5": 0.2}),
    }
    assert main_metrics([[rows], [rows]]) == {"a": "ndcg@10"}


def test_what_cannot_be_compared_over_tasks_is_refused(draw):
    a, b = arm(draw, (0, 1)), arm(draw, (0, 1), seeds=2)
    with pytest.raises(UsageError, match="3 and 2 seeds"):
        compare_tasks(a, b, main_metrics([a, b]))
    with pytest.raises(UsageError, match="at least two"):
        compare_tasks(a, a, {"mean": "x"})
    with pytest.raises(UsageError, match="no records"):
        compare_tasks(a, a, {"mean": "x", "mean@dim=2": "x"})
    with pytest.raises(UsageError, match="two clusters"):
        variance_components([np.zeros((2, 1)), np.zeros((2, 3))])
