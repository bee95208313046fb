"""Runs compared from their folders: effects, corrections, tasks and ranks, and what is refused."""

import copy
import json
import re

import numpy as np
import pytest
import scipy.stats

from jaxemb import recipes
from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import flatten
from jaxemb.report.comparison import described
from jaxemb.statistics import friedman, holm
from jaxemb.statistics.result import Result
from jaxemb.study.comparison import compare_runs
from jaxemb.study.run_files import write_results

TASKS = {"retrieval": "ndcg@10", "sts": "spearman", "classification": "accuracy"}
EXAMPLES = 200
RECIPE = to_json(recipes.pair_retriever())


def scores(gain, seed, tasks=TASKS):
    """Results of one seed: every arm finds the same examples hard."""
    found = {}
    for task, metric in tasks.items():
        draw = np.random.default_rng((seed, len(task), int(gain * 1000)))
        hard = np.random.default_rng(len(task)).normal(size=EXAMPLES)
        values = gain + hard + draw.normal(0, 0.3, EXAMPLES)
        clusters = np.arange(EXAMPLES) // 2
        if metric == "spearman":
            values = hard * (1 + gain) + draw.normal(0, 1, EXAMPLES)
            rho = float(scipy.stats.spearmanr(values, hard).statistic)
            examples = {"prediction": values, "gold": hard, "cluster": clusters}
            found[task] = Result(metrics={metric: rho}, examples=examples, data=task)
        else:
            examples = {metric: values, "cluster": clusters}
            found[task] = Result(
                metrics={metric: float(values.mean())}, examples=examples, data=task
            )
    return found


def write_arm(folder, name, gain, seeds=(0, 1, 2), *, recipe=None, results=None, **changes):
    """An arm as `jaxemb run` leaves it; returns its folder."""
    for seed in seeds:
        place = folder / name / f"seed-{seed}"
        place.mkdir(parents=True)
        told = {"arm": name, "seed": seed, "status": "done", "scale": "small"}
        told |= {"recipe": recipe or RECIPE, **changes}
        (place / "run.json").write_text(json.dumps(told))
        write_results(place, results or scores(gain, seed))
    return folder / name


@pytest.fixture
def arms(tmp_path):
    return [write_arm(tmp_path, f"arm-{gain}", gain) for gain in (0.0, 0.5, 1.0)]


def changed(path, value):
    """The recipe with one field changed."""
    recipe = copy.deepcopy(RECIPE)
    *parents, last = path.split(".")
    node = recipe
    for key in parents:
        node = node[int(key)] if key.isdigit() else node[key]
    node[last] = value
    return recipe


def test_effects_are_against_the_first_and_corrected_over_all_rows(arms):
    found = compare_runs(arms)
    assert [arm["seeds"] for arm in found["arms"]] == [[0, 1, 2]] * 3
    rows = found["metrics"]
    assert len(rows) == 6
    first = next(r for r in rows if r["metric"] == "classification/accuracy" and r["arm"] == 2)
    means = [
        np.mean([scores(g, s)["classification"].metrics["accuracy"] for s in range(3)])
        for g in (1.0, 0.0)
    ]
    assert first["effect"] == pytest.approx(means[0] - means[1])
    assert first["interval"][0] < first["effect"] < first["interval"][1]
    ps = [row["p"] for row in rows]
    np.testing.assert_allclose([row["holm"] for row in rows], holm(ps))
    np.testing.assert_allclose([row["bh"] for row in rows], scipy.stats.false_discovery_control(ps))
    assert all(row["bh"] <= row["holm"] + 1e-12 for row in rows)


def test_tasks_are_tested_together(arms):
    found = compare_runs(arms)["tasks"]
    assert found["metrics"] == [f"{task}/{metric}" for task, metric in TASKS.items()]
    table = [
        [np.mean([scores(g, s)[t].metrics[m] for s in range(3)]) for g in (0.0, 0.5, 1.0)]
        for t, m in TASKS.items()
    ]
    np.testing.assert_allclose(found["mean"], np.mean(table, axis=0))
    assert found["friedman"]["p"] == pytest.approx(friedman(np.array(table)).p)
    assert found["wilcoxon"][0]["p"] == pytest.approx(0.25) == found["wilcoxon"][0]["least"]
    assert found["ranks"][2][:2] == (1, 1) and found["letters"][2] == "a"
    effect = found["effects"][1]
    assert effect["interval"][0] < effect["effect"] < effect["interval"][1]
    assert effect["detectable_over_tasks"] >= effect["detectable"]


def test_an_arm_beside_itself_is_no_different(arms, tmp_path):
    again = write_arm(tmp_path, "again", 0.0)
    found = compare_runs([arms[0], again])
    assert all(row["effect"] == 0 and row["p"] == row["holm"] == 1 for row in found["metrics"])
    assert found["tasks"]["ranks"] == [(1.5, 1, 2), (1.5, 1, 2)]
    assert found["tasks"]["letters"] == ["a", "a"]
    assert found["settings"] == {}


def test_the_text_tells_everything(arms):
    text = described(compare_runs(arms))
    for told in (
        "A  arm-0.0  seeds 0, 1, 2", "run - A", "Holm", "BH", "detectable", "Over 3 tasks",
        "Friedman: chi2", "Nemenyi", "Wilcoxon's p over 3 tasks is at least 0.25", "Variance of B - A",
        "over 3 paired seeds", "takes them as independent of each other",
    ):  # fmt: skip
        assert told in text, told
    assert "nan" not in text and "None" not in text


def test_settings_that_differ_are_shown(arms, tmp_path):
    other = write_arm(
        tmp_path, "max", 0.3,
        recipe=changed("embedder.pooling", {"part": "jaxemb.pooling.Max"}),
    )  # fmt: skip
    found = compare_runs([arms[0], arms[1], other])
    assert found["settings"] == {"embedder.pooling": ["mean", "mean", "max"]}
    assert "embedder.pooling  mean  mean  max" in described(found)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("embedder.text.max_tokens", 256, ["max length of document is 64 in", " 256 in", "--allow"]),
        ("embedder.text.query_tokens", 16, ["max length of query is 32", "16"]),
        ("embedder.text.template.query", "q: ", ['prompt of query is ""', '"q: "', "--allow prompt"]),
        ("embedder.encoder.dtype", "bfloat16", ["dtype is float32", "bfloat16"]),
        ("runtime.dtype", "bfloat16", ["dtype is float32", "bfloat16"]),
        ("evaluation.0.data.split", "dev", ['split of retrieval is "test"', '"dev"']),
        ("evaluation.0.k", 20, ["task of retrieval is", '"k": 10', '"k": 20']),
    ],
)  # fmt: skip
def test_other_settings_are_refused_in_a_sentence(arms, tmp_path, path, value, words):
    other = write_arm(tmp_path, "other", 0.5, recipe=changed(path, value))
    with pytest.raises(UsageError) as told:
        compare_runs([arms[0], other])
    sentence = str(told.value)
    assert all(word in sentence for word in words), sentence
    assert str(arms[0]) in sentence and str(other) in sentence and "\n" not in sentence


def test_other_data_suites_metrics_and_scales_are_refused(arms, tmp_path):
    moved = scores(0.5, 0)
    moved["sts"].data = "elsewhere"
    other = write_arm(tmp_path, "moved", 0.5, results=moved)
    with pytest.raises(UsageError, match='data of sts is "sts" in .* and "elsewhere"'):
        compare_runs([arms[0], other])
    with pytest.raises(UsageError, match="--allow data is not possible"):
        compare_runs([arms[0], other], allow=["data"])
    fewer = write_arm(tmp_path, "fewer", 0.5, results={"sts": scores(0.5, 0)["sts"]})
    with pytest.raises(
        UsageError, match="suite is classification, retrieval, sts in .* and sts in"
    ):
        compare_runs([arms[0], fewer])
    smoke = write_arm(tmp_path, "smoke", 0.5, scale="smoke")
    with pytest.raises(UsageError, match='scale is "small" in .* and "smoke" in'):
        compare_runs([arms[0], smoke])
    renamed = scores(0.5, 0)
    renamed["sts"].metrics["pearson"] = renamed["sts"].metrics.pop("spearman")
    other = write_arm(tmp_path, "renamed", 0.5, results=renamed)
    with pytest.raises(UsageError, match="metric of sts is spearman in .* and pearson in"):
        compare_runs([arms[0], other])


def test_the_first_mismatch_is_named(arms, tmp_path):
    recipe = changed("embedder.text.max_tokens", 256)
    recipe["evaluation"][0]["data"]["split"] = "dev"
    other = write_arm(tmp_path, "other", 0.5, recipe=recipe)
    with pytest.raises(UsageError, match="split"):
        compare_runs([arms[0], other])


def test_a_difference_may_be_what_is_asked_about(arms, tmp_path):
    other = write_arm(tmp_path, "long", 0.5, recipe=changed("embedder.text.max_tokens", 256))
    found = compare_runs([arms[0], other], allow=["max_length"])
    assert found["settings"] == {"embedder.text.max_tokens": ["64", "256"]}
    fewer = write_arm(tmp_path, "fewer", 0.5, results={"sts": scores(0.5, 0)["sts"]})
    found = compare_runs([arms[0], fewer], allow=["suite"])
    assert {row["metric"] for row in found["metrics"]} == {"sts/spearman"}
    assert found["tasks"] is None
    with pytest.raises(UsageError, match="--allow pooling is not possible"):
        compare_runs(arms, allow=["pooling"])


def test_only_the_seeds_that_all_have_are_paired(arms, tmp_path):
    fewer = write_arm(tmp_path, "fewer", 0.5, seeds=(1, 2, 7))
    found = compare_runs([arms[0], fewer])
    assert [arm["seeds"] for arm in found["arms"]] == [[1, 2], [1, 2]]
    one = compare_runs([arms[0] / "seed-0", fewer / "seed-7"])
    assert [arm["seeds"] for arm in one["arms"]] == [[0], [7]]
    assert "each arm has one seed" in described(one)


def test_what_is_not_trained_stands_beside_every_seed(arms, tmp_path):
    bag = write_arm(tmp_path, "bag", 0.2, (0,), recipe=to_json(recipes.static_bag()))
    found = compare_runs([bag, arms[0]])
    assert [arm["seeds"] for arm in found["arms"]] == [[0], [0, 1, 2]]
    assert not found["arms"][0]["trained"] and "one model" in described(found)
    assert all(row["interval"] is not None for row in found["metrics"])


def test_metrics_can_be_chosen(arms):
    found = compare_runs(arms[:2], metrics=["sts", "retrieval/ndcg@10"])
    assert {row["metric"] for row in found["metrics"]} == {"sts/spearman", "retrieval/ndcg@10"}
    with pytest.raises(UsageError, match="no metric 'stss'.*metrics: retrieval/ndcg@10, sts"):
        compare_runs(arms, metrics=["stss"])


def evaluated(folder, **changes):
    """What `jaxemb eval --out` leaves."""
    (folder / "examples").mkdir(parents=True, exist_ok=True)
    results = scores(0.7, 0)
    for task, result in results.items():
        result.save(folder / "examples" / f"{task}.npz")
    limits = {"query": 32, "document": 64}
    told = {
        "model": "models/mine",
        "scores": flatten(results),
        "settings": {r: {"prompt": "", "max_tokens": n} for r, n in limits.items()},
        "embedder": RECIPE["embedder"],
    }
    (folder / "results.json").write_text(json.dumps(told | changes))
    return folder


def test_results_of_eval_are_compared(arms, tmp_path):
    folder = evaluated(tmp_path / "evaluated")
    found = compare_runs([arms[0], folder])
    assert found["arms"][1]["name"] == "mine" and len(found["metrics"]) == 3
    assert all(row["interval"] is not None for row in found["metrics"])
    assert compare_runs([arms[0], folder / "results.json"])["metrics"] == found["metrics"]
    short = {
        "query": {"prompt": "", "max_tokens": 32},
        "document": {"prompt": "", "max_tokens": 16},
    }
    evaluated(folder, settings=short)
    with pytest.raises(UsageError, match="max length of document is 64 in .* and 16 in"):
        compare_runs([arms[0], folder])
    (folder / "examples/sts.npz").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        compare_runs([arms[0], folder])


def test_scores_that_describe_are_in_no_mean_over_tasks(tmp_path):
    """As in the means that `jaxemb eval` prints: less bias is not a lower place."""
    folders = [
        evaluated(tmp_path / name, model=name, descriptive=["classification"]) for name in "ab"
    ]
    found = compare_runs(folders)
    assert {row["metric"] for row in found["metrics"]} == {f"{t}/{m}" for t, m in TASKS.items()}
    assert found["tasks"]["metrics"] == ["retrieval/ndcg@10", "sts/spearman"]
    for folder in folders:
        Result(metrics={"gap": 0.1, "gap@0.5": 0.2}).save(folder / "examples" / "insertion.npz")
        told = json.loads((folder / "results.json").read_text())
        told["scores"] |= {"insertion/gap": 0.1, "insertion/gap@0.5": 0.2}
        (folder / "results.json").write_text(json.dumps(told))
    assert compare_runs(folders)["tasks"]["metrics"] == found["tasks"]["metrics"]


def test_models_that_were_only_scored_are_not_called_untrained(tmp_path):
    text = described(compare_runs([evaluated(tmp_path / name, model=name) for name in "ab"]))
    assert "not trained" not in text and "nothing was trained" not in text
    assert "over the examples alone" in text


def test_scores_without_records_have_no_interval_and_still_a_test_over_tasks(tmp_path):
    files = []
    for name, gain in (("one", 0.0), ("two", 0.1)):
        files.append(tmp_path / f"{name}.json")
        told = {"scores": {f"t{n}/x": 0.5 + gain + n / 100 for n in range(6)}}
        files[-1].write_text(json.dumps(told))
    found = compare_runs(files)
    assert all(row["interval"] is None for row in found["metrics"])
    assert found["tasks"]["wilcoxon"][0]["p"] == pytest.approx(2 / 64)
    assert found["tasks"]["ranks"] is None
    run = write_arm(tmp_path, "arm", 0.0, results=scores(0.0, 0))
    files[0].write_text(json.dumps({"scores": flatten(scores(0.5, 0))}))
    mixed = compare_runs([run, files[0]])
    assert len(mixed["metrics"]) == 3 and mixed["metrics"][0]["interval"] is None
    assert "not known" in described(found)


def test_what_is_no_run_is_told(arms, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "other.json").write_text("[1]")
    (tmp_path / "empty").mkdir()
    broken = write_arm(tmp_path, "broken", 0.5)
    (broken / "seed-0/examples/sts.npz").write_bytes(b"no zip")
    for path, words in (
        ("bad.json", "cannot be read"), ("other.json", "is a list, not an object"),
        ("empty", "no finished run"), ("nowhere", "no finished run"), ("broken", "is damaged"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            compare_runs([arms[0], tmp_path / path])
    with pytest.raises(UsageError, match="two or more"):
        compare_runs(arms[:1])


def test_recipes_of_the_test_are_real():
    assert from_json(RECIPE) == recipes.pair_retriever()


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ({"stages": [7]}, "recipe.stages.0 is 7"),
        ({"stages": [{"part": ["Train"]}]}, "recipe.stages.0.part"),
        ({"evaluation": {"name": "sts"}}, "recipe.evaluation"),
        ({"evaluation": [{"name": "sts", "data": {"split": [1]}}]}, "evaluation.0.data.split"),
        ({"evaluation": [{"name": "sts", "inner": {"data": 3}}]}, "evaluation.0.inner.data"),
        ({"runtime": {"dtype": 32}}, "recipe.runtime.dtype"),
        ("whole", "recipe is"),
    ],
)
def test_a_recipe_of_another_shape_is_refused_by_its_field(tmp_path, arms, recipe, field):
    odd = write_arm(tmp_path, "odd", 0.2, recipe=recipe)
    with pytest.raises(UsageError, match=re.escape(field)) as told:
        compare_runs([arms[0], odd])
    assert "run.json" in str(told.value)
