"""Claims about all tasks together, and the ranking that a record keeps."""

import numpy as np
import pytest
import scipy.stats

from jaxemb.config import UsageError
from jaxemb.statistics.result import Result
from jaxemb.study import FlagTells, TasksAgree
from jaxemb.study.claims import EVERY_TASK, Table
from jaxemb.study.rankings import ranking

TASKS, EXAMPLES = 6, 80


def arm(draw, gain, tasks=TASKS, seeds=1, noise=0.3):
    """Results of tasks whose examples are as hard for every arm."""
    rows = []
    for _ in range(seeds):
        row = {}
        for task in range(tasks):
            hard = np.random.default_rng(task).normal(size=EXAMPLES)
            values = gain + hard + draw.normal(0, noise, EXAMPLES)
            examples = {"x": values, "cluster": np.arange(EXAMPLES)}
            row[f"t{task}"] = Result(metrics={"x": float(values.mean())}, examples=examples)
        rows.append(row)
    return rows


@pytest.fixture
def draw():
    return np.random.default_rng()


def table(draw, gains, sizes=None):
    arms = {name: arm(draw, gain) for name, gain in gains.items()}
    return Table(arms=arms, settings={"parameters": sizes or {}}, trained=False)


def test_tasks_that_agree_support_the_claim(draw):
    found = TasksAgree().judge(table(draw, {"a": 0.0, "b": 1.0, "c": 2.0, "d": 3.0}))
    assert found.verdict == "supported" and found.metric == EVERY_TASK
    assert found.effect == pytest.approx(1)
    assert found.p == pytest.approx(scipy.stats.chi2.sf(TASKS * 3, 3))


def test_tasks_that_rank_equal_arms_do_not(draw):
    verdicts = [
        TasksAgree().judge(table(draw, dict.fromkeys("abcd", 0.0))).verdict for _ in range(40)
    ]
    assert verdicts.count("supported") <= 7


def test_a_flag_that_tells_more_than_size(draw):
    gains = {name: float(place >= 4) for place, name in enumerate("abcdefgh")}
    sizes = {name: float(size) for name, size in zip(gains, (1, 5, 2, 6, 3, 5, 1, 2), strict=True)}
    claim = FlagTells(flag="tuned", flagged=("e", "f", "g", "h"))
    given = table(draw, gains, sizes)
    found = claim.judge(given)
    means = [np.mean([r.metrics["x"] for r in rows[0].values()]) for rows in given.arms.values()]
    expected = [scipy.stats.spearmanr(x, means).statistic
                for x in (list(gains.values()), list(sizes.values()))]  # fmt: skip
    assert found.effect == pytest.approx(expected[0] - expected[1])
    assert found.effect > 0.4 and claim.arms == claim.flagged


def test_an_arm_without_the_property_is_told(draw):
    with pytest.raises(UsageError, match="The arm b has no 'parameters'"):
        FlagTells(flagged=("a",)).judge(table(draw, dict.fromkeys("ab", 0.0), {"a": 1.0}))


def test_a_record_ranks_arms_and_controls_over_tasks(draw):
    rows = {"good": arm(draw, 1.0, seeds=3), "bad": arm(draw, 0.0, seeds=3)}
    rows |= {"bag": arm(draw, 0.0), "lexical": [{"t0": arm(draw, 0.5)[0]["t0"]}], "failed": []}
    found = ranking(rows)
    overall = found["overall"]
    assert overall["rows"].keys() == {"good", "bad", "bag"}
    good = overall["rows"]["good"]
    assert (good["low"], good["high"], good["group"], good["mean_rank"]) == (1, 1, "a", 1.0)
    low, high = good["interval"]
    assert low < good["mean"] < high
    assert found["tasks"]["t0/x"].keys() == {"good", "bad", "bag", "lexical"}
    assert found["tasks"]["t1/x"]["bad"]["group"] == found["tasks"]["t1/x"]["bag"]["group"] == "b"
    assert overall["friedman"]["groups"][0][0] == "good"


def test_what_cannot_be_ranked_is_left_out(draw):
    assert ranking({"one": arm(draw, 0.0)}) is None
    assert ranking({"one": arm(draw, 0.0, tasks=1), "two": arm(draw, 0.0, tasks=1)}) is None
    bare = {name: [{t: Result(metrics={"x": gain}) for t in "ab"}]
            for name, gain in {"one": 0.5, "two": 0.6}.items()}  # fmt: skip
    assert ranking(bare)["overall"] is None
    other = arm(draw, 0.0)
    for result in other[0].values():
        result.data = "elsewhere"
    assert ranking({"one": arm(draw, 0.0), "two": other})["tasks"] == {}
