"""The numbers of one fixed table, as first recorded: what simplifies the code must not move them."""

import numpy as np
import pytest

from jaxemb.statistics import (
    agreement,
    benjamini_hochberg,
    compare,
    compare_tasks,
    correlation_difference,
    friedman,
    holm,
    joined,
    level,
    main_metrics,
    rank_arms,
    wilcoxon,
)
from jaxemb.statistics.metrics import STATISTICS
from jaxemb.statistics.result import Result

DRAW = np.random.default_rng(7)
SCORES = DRAW.normal(size=(6, 4)).round(1) + [0, 0.2, 0.5, 1]
TIED, UNTIED = DRAW.normal(size=(2, 20)).round(1), DRAW.normal(0.2, size=(2, 20))
GOLD = DRAW.integers(0, 6, 60) * 1.0


def equal(*expected):
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


def arm(shift, seeds):
    """Results of two tasks a seed: correlations in clusters of three examples, hits in pairs."""
    return [{"sts": similar(shift), "find": found(shift)} for _ in range(seeds)]


def similar(shift):
    predicted = (GOLD + DRAW.normal(scale=1.5 - shift, size=60)).round(1)
    examples = {"prediction": predicted, "gold": GOLD, "cluster": np.arange(60) // 3}
    return Result(metrics={"spearman": STATISTICS["spearman"](examples)}, examples=examples)


def found(shift):
    hits = (DRAW.uniform(size=60) < 0.4 + shift / 2) * 1.0
    examples = {"recall@1": hits, "cluster": np.arange(60) // 2}
    return Result(metrics={"recall@1": hits.mean()}, examples=examples)


ARMS = arm(0.6, 3), arm(0.2, 3), arm(0, 1)


def test_tests_over_tasks():
    test = friedman(SCORES)
    numbers = test.statistic, test.p, test.critical_difference, *test.ranks
    assert numbers == equal(7.2, 0.0657890526850709, 1.9148432265902378, 3.5, 2.5, 2.5, 1.5)
    assert test.groups == ((3, 1, 2), (1, 2, 0))
    alike = agreement(SCORES)
    assert (alike.effect, alike.standard_error) == equal(0.28, 0.21908902300206648)
    ps = tuple(wilcoxon(SCORES[:, model], SCORES[:, 0]) for model in (1, 2, 3))
    assert ps == equal(0.4375, 0.0625, 0.03125)
    assert wilcoxon(*TIED) == pytest.approx(0.14988317549658234, rel=1e-9)
    assert wilcoxon(*UNTIED) == pytest.approx(0.8408222198486328, rel=1e-9)


def test_corrections():
    ps = [0.011, 0.2, 0.011, 0.64, 0.03]
    assert tuple(holm(ps)) == equal(0.055, 0.4, 0.055, 0.64, 0.09)
    assert tuple(benjamini_hochberg(ps)) == equal(0.0275, 0.25, 0.0275, 0.64, 0.05)


@pytest.mark.parametrize(
    ("task", "metric", "expected", "seeds", "ranks"),
    [
        (
            "sts",
            "spearman",
            (0.059816752726162936, 0.003291111971956473, 0.045004855493846536, 0.07045995049242515),
            4,
            [(1, 1, 3), (2, 1, 3), (3, 1, 3)],
        ),
        (
            "find",
            "recall@1",
            (0.18888888888888888, 0.12564583832894285, 0.006000911452033565, 0.07883328967150414),
            3,
            [(1, 1, 1), (2, 2, 3), (3, 2, 3)],
        ),
    ],
    ids=["sts", "find"],
)
def test_arms_in_one_task(task, metric, expected, seeds, ranks):
    found = compare(*([seed[task] for seed in arm] for arm in ARMS[:2]), metric)
    assert (found.effect, found.interval.low, found.p, found.detectable) == equal(*expected)
    assert (found.seeds_needed, found.clusters_needed) == (seeds, None)
    assert [tuple(interval) for interval in rank_arms(ARMS, task, metric)[0]] == ranks


def test_arms_over_tasks():
    found = compare_tasks(ARMS[0], ARMS[1], main_metrics(ARMS))
    here, anywhere = found.over_examples().interval, found.over_tasks().interval
    assert (found.effect, here.low, anywhere.low) == equal(
        0.12435282080752807, -0.0026678583961298186, -0.773510587802384
    )
    assert tuple(found.shares().values()) == equal(
        0.00010810376215159024, 0.0041217958437146365, 0.0, 0.0, 0.0007634140562265051
    )
    assert found.tasks_needed(found.effect) == 23


def test_correlations():
    found = correlation_difference(*SCORES[:, :3].T)
    assert (found.effect, found.standard_error) == equal(1.0638168285219587, 0.41032171743361956)
    pair = joined(
        *([seed["sts"] for seed in arm] for arm in ARMS[:2]), "prediction", "rank_agreement"
    )
    found = level(pair, "rank_agreement")
    assert (found.effect, found.standard_error) == equal(0.7545948923148563, 0.03816287423523523)
