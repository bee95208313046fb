"""Claims about the order of arms, on tables where the truth is known."""

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.statistics.result import Result
from jaxemb.study import NoneWins, RanksDiffer
from jaxemb.study.claims import Table

EXAMPLES = 400
A, B = "a/score", "b/score"


def table(draw, truth, noise=0.3, seeds=1):
    """Arms whose true scores in tasks a and b are given; examples differ in difficulty."""
    hard = {task: draw.normal(0, 0.5, EXAMPLES) for task in "ab"}

    def result(task, mean):
        scores = mean + hard[task] + draw.normal(0, noise, EXAMPLES)
        examples = {"score": scores, "cluster": np.arange(EXAMPLES) // 2}
        return Result(metrics={"score": float(scores.mean())}, examples=examples, data=task)

    arms = {
        name: [{task: result(task, mean) for task, mean in zip("ab", means, strict=True)}] * seeds
        for name, means in truth.items()
    }
    return Table(arms=arms, trained=seeds > 1)


SAME = {f"m{n}": (n / 2, n / 2) for n in range(6)}
TURNED = {f"m{n}": (n / 2, -n / 2) for n in range(6)}
EQUAL = {f"m{n}": (0.0, 0.0) for n in range(6)}


@pytest.mark.parametrize(
    ("truth", "verdict"), [(SAME, "contradicted"), (TURNED, "supported"), (EQUAL, "undecided")]
)
def test_orders_that_differ_or_not(truth, verdict):
    judgement = RanksDiffer(A, with_metric=B).judge(table(np.random.default_rng(2), truth))
    assert judgement.verdict == verdict


@pytest.mark.parametrize("step", [0, 1 / 40])
def test_equal_orders_are_rarely_called_different(step):
    draw = np.random.default_rng(3)
    truth = {f"m{n}": (n * step, n * step) for n in range(6)}
    claim = RanksDiffer(A, with_metric=B)
    called = sum(claim.judge(table(draw, truth)).verdict == "supported" for _ in range(60))
    assert called <= 6


@pytest.mark.parametrize("claim", [RanksDiffer(A, with_metric=B), NoneWins(A, and_metrics=(B,))])
def test_p_counts_all_that_were_looked_through_as_the_interval_does(claim):
    draw = np.random.default_rng(7)
    sure = []
    for gain in np.linspace(0, 0.15, 40):
        truth = {"one": (gain, 0), "other": (0, gain), "last": (-1, -1)}
        judgement = claim.judge(table(draw, truth))
        low, high = judgement.interval
        sure.append(low > 0 or high < 0)
        assert (judgement.p < 0.05) == sure[-1]
    assert 0 < sum(sure) < 40


def test_nobody_wins_where_two_change_places():
    draw = np.random.default_rng(4)
    crossed = {"one": (0.5, 0.2), "other": (0.2, 0.5), "last": (0.0, 0.0)}
    claim = NoneWins(A, and_metrics=(B,))
    judgement = claim.judge(table(draw, crossed))
    assert judgement.verdict == "supported" and judgement.effect == pytest.approx(0.3, abs=0.08)
    beaten = claim.judge(table(draw, {**crossed, "best": (0.9, 0.9)}))
    assert beaten.verdict == "contradicted" and beaten.effect < 0


def test_equal_arms_are_rarely_called_beaten():
    draw = np.random.default_rng(5)
    claim = NoneWins(A, and_metrics=(B,))
    called = [claim.judge(table(draw, EQUAL)).verdict == "supported" for _ in range(60)]
    assert sum(called) <= 6


def test_orders_need_arms():
    draw = np.random.default_rng(6)
    with pytest.raises(UsageError, match="needs two"):
        RanksDiffer(A, with_metric=B).judge(table(draw, {"a": (0, 0)}))
    with pytest.raises(UsageError, match="two arms"):
        NoneWins(A).judge(table(draw, {"a": (0, 0)}))
