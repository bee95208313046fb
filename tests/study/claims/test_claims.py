import numpy as np
import pytest

from jaxemb.config import RENAMED, UsageError, choices, from_json, tag, to_json
from jaxemb.statistics.result import Result
from jaxemb.study import (
    Above,
    Agrees,
    Below,
    Better,
    Claim,
    Correlates,
    CorrelatesMore,
    FlagTells,
    NotWorse,
    Trend,
)
from jaxemb.study.claims import NOT_TESTABLE, Table, judge_all
from tests.exports import exports

EXAMPLES, SEEDS = 400, 5


def seeds(mean, rng, noise=0.01, task="retrieval", metric="ndcg@10", base=None):
    """One result a seed: examples around `mean`, the same examples' difficulty in every arm."""
    difficulty = np.zeros(EXAMPLES) if base is None else base
    rows = []
    for _ in range(SEEDS):
        scores = mean + difficulty + rng.normal(0, noise) + rng.normal(0, 0.02, EXAMPLES)
        rows.append({
            task: Result(
                metrics={metric: float(scores.mean())},
                examples={metric: scores, "cluster": np.arange(EXAMPLES) // 4},
            )
        })  # fmt: skip
    return rows


@pytest.fixture
def table():
    rng = np.random.default_rng()
    base = rng.normal(0, 0.2, EXAMPLES)
    return Table(
        arms={name: seeds(mean, rng, base=base) for name, mean in
              {"low": 0.30, "middle": 0.40, "same": 0.40, "high": 0.50}.items()},
        settings={"layers": {"low": 1.0, "middle": 2.0, "high": 3.0}},
    )  # fmt: skip


METRIC = "retrieval/ndcg@10"


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (Better(METRIC, "high", than="low"), "supported"),
        (Better(METRIC, "low", than="high"), "contradicted"),
        (NotWorse(METRIC, "same", than="middle", margin=0.05), "supported"),
        (NotWorse(METRIC, "low", than="high"), "contradicted"),
        (Above(METRIC, 0.2, "low"), "supported"),
        (Above(METRIC, 0.9, "low"), "contradicted"),
        (Below(METRIC, 0.9, "high"), "supported"),
        (Below(METRIC, 0.1, "high"), "contradicted"),
        (Trend(METRIC, along="layers"), "supported"),
    ],
)
def test_clear_effects_are_judged(table, claim, verdict):
    judgement = claim.judge(table)
    assert judgement.verdict == verdict
    low, high = judgement.interval
    assert low < judgement.effect < high and claim.text == judgement.text


def test_effects_are_differences_of_means(table):
    def mean(arm):
        return np.mean([seed["retrieval"].metrics["ndcg@10"] for seed in table.arms[arm]])

    assert Better(METRIC, "high", than="low").judge(table).effect == pytest.approx(
        mean("high") - mean("low")
    )
    assert Below(METRIC, 0.9, "high").judge(table).effect == pytest.approx(0.9 - mean("high"))
    slope = np.polyfit([1, 2, 3], [mean("low"), mean("middle"), mean("high")], 1)[0]
    assert Trend(METRIC, along="layers").judge(table).effect == pytest.approx(2 * slope)


def test_metrics_that_rank_the_arms_alike_correlate():
    rng = np.random.default_rng()
    arms = {}
    for name, mean in {"a": 0.2, "b": 0.4, "c": 0.6, "d": 0.8}.items():
        both = zip(seeds(mean, rng), seeds(mean, rng, task="sts", metric="spearman"), strict=True)
        arms[name] = [one | other for one, other in both]
    claim = Correlates(METRIC, with_metric="sts/spearman")
    assert claim.judge(Table(arms=arms)).effect == pytest.approx(1.0)


def test_a_loss_that_may_be_within_the_margin_does_not_contradict():
    """The margin is in the effect already: a second one would call a loss of .005 too large."""
    rng = np.random.default_rng(1)
    base = rng.normal(0, 0.2, EXAMPLES)
    means = {"a": 0.5, "b": 0.495}
    arms = {name: seeds(mean, rng, 0.002, base=base) for name, mean in means.items()}
    claim = NotWorse(METRIC, "b", than="a", margin=0.005)
    judged = claim.judge(Table(arms=arms), margin=0.05)
    assert judged.interval[0] < 0 < judged.interval[1] < 0.05
    assert judged.verdict == "undecided"


def test_arms_that_are_all_equal_agree_in_nothing():
    arms = {name: 3 * scored(same=0.5, other=n) for n, name in enumerate("abc")}
    judged = Correlates("same/m", with_metric="other/m").judge(Table(arms=arms))
    assert (judged.effect, judged.verdict) == (0, "contradicted")


def scored(**metrics):
    """One result a metric, without records."""
    return [{task: Result(metrics={"m": float(value)}) for task, value in metrics.items()}]


def test_the_difference_of_two_correlations_over_arms():
    from scipy.stats import spearmanr

    rng = np.random.default_rng()
    target = rng.normal(size=12)
    near, far = target + 0.1 * rng.normal(size=12), rng.normal(size=12)
    arms = {f"arm{n}": scored(near=near[n], far=far[n], target=target[n]) for n in range(12)}
    table = Table(arms=arms, trained=False)
    judged = CorrelatesMore("near/m", with_metric="target/m", than="far/m").judge(table)
    expected = spearmanr(near, target).statistic - spearmanr(far, target).statistic
    assert judged.effect == pytest.approx(expected)
    low, high = judged.interval
    assert low < judged.effect < high and high - low > 0.1
    same = CorrelatesMore("near/m", with_metric="target/m", than="near/m").judge(table)
    assert same.effect == 0 and same.verdict != "supported"
    with pytest.raises(UsageError, match="four arms"):
        few = Table(arms=dict(list(arms.items())[:3]), trained=False)
        CorrelatesMore("near/m", with_metric="target/m", than="far/m").judge(few)


def test_holm_corrects_over_the_claims(table):
    claims = [Better(METRIC, "high", than="low"), Better(METRIC, "middle", than="low")]
    both = judge_all(claims, table, 0.01)
    assert all(j.p_corrected >= j.p for j in both)
    assert min(j.p_corrected for j in both) == pytest.approx(2 * min(j.p for j in both))


def test_a_base_below_the_static_bag_is_not_testable(table):
    claim = Better(METRIC, "high", than="low")
    assert judge_all([claim], table, 0.01, {METRIC: 0.7})[0].verdict == NOT_TESTABLE
    assert judge_all([claim], table, 0.01, {METRIC: 0.45})[0].verdict == "supported"


def test_unknown_arms_metrics_and_keys_are_told(table):
    with pytest.raises(UsageError, match="no arm 'hihg'"):
        Better(METRIC, "hihg", than="low").judge(table)
    with pytest.raises(UsageError, match="retrieval/ndcg@10"):
        Better("retrieval/ndgc@10", "high", than="low").judge(table)
    with pytest.raises(UsageError, match="layers"):
        Trend(METRIC, along="width").judge(table)


def test_some_arms_are_enough_for_claims_that_name_them():
    better = Better(METRIC, "high", than="low")
    assert better.within(["low", "high", "other"]) and not better.within(["high"])
    assert not Correlates(METRIC, with_metric=METRIC).within(["low", "high"])
    assert not FlagTells(flagged=("high",)).within(["low", "high"])


def test_claims_load_under_the_names_that_they_had_before():
    claim = Agrees("series/similarity", "small", "large", above=0.5)
    assert tag(Agrees) == "jaxemb.study.Agrees"
    assert from_json(to_json(claim) | {"part": "jaxemb.agreement.Agrees"}) == claim
    assert exports("study")  # imports every family of claims
    assert {new for old, new in RENAMED.items() if ".claims." in new} <= {
        tag(cls) for cls in choices(Claim).values()
    }
