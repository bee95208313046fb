"""What is read from a record and its run folders."""

import json

import numpy as np
import pytest
from scipy import stats

from jaxemb.report.findings import axes, cut, estimate, findings, surface
from jaxemb.report.run_logs import Run, curve


def test_interval_over_seeds_is_scipys():
    values = np.array([0.31, 0.34, 0.29, 0.36, 0.30])
    found = estimate(values)
    low, high = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_seed_has_no_interval():
    found = estimate([0.4])
    assert (found.mean, found.low, found.high) == (0.4, None, None)


def test_summary_of_the_record_wins_over_its_seeds(record):
    arm = record["arms"]["causal-last"]
    arm["summary"]["sts/spearman"] = {"mean": 0.9, "low": 0.8, "high": float("nan")}
    del arm["summary"]["retrieval/ndcg@10"]
    scores = findings(record).arms[0].scores
    assert (scores["sts/spearman"].mean, scores["sts/spearman"].high) == (0.9, None)
    values = [seed["metrics"]["retrieval/ndcg@10"] for seed in arm["seeds"]]
    assert scores["retrieval/ndcg@10"] == estimate(values)


def test_claimed_metrics_come_first_then_one_a_task(record):
    record["claims"] = [{"metric": "sts/spearman", "text": ""}, {"metric": "retrieval/mrr@10"}]
    found = findings(record)
    assert found.headlines == (
        "sts/spearman",
        "retrieval/mrr@10",
        "classification/accuracy",
        "clustering/v_measure",
        "pair_classification/ap",
    )
    assert found.metrics[5:7] == ("retrieval/ndcg@10", "retrieval/recall@10")


def test_runs_are_found_by_arm_and_seed(record, runs):
    found = findings(record, runs).runs
    assert len(found) == 26
    assert [run.seed for run in found if run.arm == "causal-tokens"] == [0, 1, 2, 3, 4, 9]
    assert all(len(run.steps) == 240 for run in found if run.seed != 9), "a cut last line"


def test_arm_whose_name_begins_like_another_keeps_to_its_folders(record, runs):
    other = runs / "causal-last-long-00000000" / "seed-77"
    other.mkdir(parents=True)
    (other / "run.json").write_text(json.dumps({"status": "done"}))
    record["arms"]["causal-last"]["fingerprint"] = ""
    assert 77 not in {run.seed for run in findings(record, runs).runs}


def test_curve_is_the_mean_and_range_over_seeds(tmp_path):
    def run(seed: int, *values: float) -> Run:
        steps = tuple({"step": i + 1, "loss": v} for i, v in enumerate(values))
        return Run("a", seed, tmp_path, steps=steps)

    line = curve([run(0, 4.0, 2.0, 1.0), run(1, 6.0, 2.0, 3.0)], "loss")
    np.testing.assert_allclose(line["step"], [1, 2, 3])
    np.testing.assert_allclose(line["mean"], [5, 2, 2])
    np.testing.assert_allclose((line["low"], line["high"]), [[4, 2, 1], [6, 2, 3]])


def test_long_curves_are_binned_a_seed_at_a_time(tmp_path):
    draws = np.random.default_rng(0).normal(size=(2, 1000))
    runs = [
        Run("a", seed, tmp_path, steps=tuple({"step": i, "loss": x} for i, x in enumerate(row)))
        for seed, row in enumerate(draws)
    ]
    line = curve(runs, "loss", points=100)
    bins = draws.reshape(2, 100, 10).mean(axis=2)
    np.testing.assert_allclose(line["mean"], bins.mean(axis=0))
    np.testing.assert_allclose(line["high"], bins.max(axis=0))


def test_curve_ends_where_a_seed_ends_and_ignores_other_rows(tmp_path):
    short = Run("a", 0, tmp_path, steps=({"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}))
    more = ({"step": 3, "loss": 9.0}, {"step": 4, "dev/a": 1.0}, {"step": 5, "loss": None})
    long = Run("a", 1, tmp_path, steps=(*short.steps, *more))
    assert curve([short, long], "loss")["step"].tolist() == [1, 2]
    assert curve([short, long], "dev/a") is None


def test_a_cut_is_read_off_a_metrics_name():
    assert cut("retrieval@layers=2,dim=32/ndcg@10") == (
        "retrieval/ndcg@10",
        {"layers": 2, "dim": 32},
    )
    assert cut("sts@dim=8/spearman") == ("sts/spearman", {"dim": 8})
    assert cut("retrieval/ndcg@10") == ("retrieval/ndcg@10", {})


def test_surface_holds_the_means_at_every_cut(record):
    arm = findings(record).arms[0]
    cells = surface(arm, "sts/spearman")
    assert set(cells) == {(layers, dim) for layers in (1, 2) for dim in (16, 32, 64, 128)}
    assert cells[2, 32] == arm.scores["sts@layers=2,dim=32/spearman"].mean
    assert surface(arm, "classification/accuracy") == {}


def test_cut_metrics_are_headlines_only_where_a_claim_speaks_of_them(record):
    assert not any("@layers" in metric for metric in findings(record).headlines)
    claimed = "sts@layers=1,dim=16/spearman"
    record["claims"] = [{"metric": claimed, "text": ""}]
    assert findings(record).headlines[:3] == (
        claimed,
        "retrieval/ndcg@10",
        "sts/spearman",
    )


def test_axes_are_the_overrides_that_vary(record):
    for arm in record["arms"].values():
        arm["overrides"]["dropout"] = "0.1"
    assert axes(findings(record).arms) == ("pooling", "mask")
