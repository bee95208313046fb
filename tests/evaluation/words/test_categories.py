"""Categories and outliers against brute force, at their oracle and at chance."""

import itertools

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import (
    AllLabelled,
    AnalogyCategories,
    Categorisation,
    OutlierDetection,
    OutlierFile,
    OutliersFromLabels,
    PyDocsLabels,
)
from tests.evaluation.words.word_sets import RNG, constant, cos, model, of


def test_purity_counts_the_largest_category_of_a_group(write):
    names = [f"{kind}{n}" for kind in "rgb" for n in range(6)]
    path = write("x.tsv", [("text", "label"), *[(name, name[0]) for name in names]])
    corners = {name: 9 * np.eye(5)["rgb".index(name[0])] + RNG.normal(size=5) for name in names}
    task = Categorisation(data=AllLabelled(path=path))
    assert task.run(model(**corners)).metrics["purity"] == 1
    result = task.run(model())
    expected = []
    for run in result.examples["assignment"].T:
        groups = [result.examples["label"][run == group] for group in set(run.tolist())]
        expected.append(sum(max(np.bincount(group)) for group in groups) / 18)
    assert result.metrics["purity"] == pytest.approx(np.mean(expected))
    assert 1 / 3 <= result.metrics["purity"] < 0.9


def compactness(vectors, without):
    rest = [v for n, v in enumerate(vectors) if n != without]
    return np.mean([cos(a, b) for a, b in itertools.permutations(rest, 2)])


def test_outliers_are_a_loop_over_pairs(write):
    rows = [
        {"members": [f"{n}{m}" for m in "abcd"], "outliers": [f"{n}x", f"{n}y"]} for n in range(20)
    ]
    data = OutlierFile(path=write("o.jsonl", rows))
    embed = model()
    result = OutlierDetection(data=data).run(embed)
    expected = []
    for row, outlier in ((r, outlier) for r in rows for outlier in r["outliers"]):
        vectors = of(embed, *row["members"], outlier)
        scores = [compactness(vectors, n) for n in range(5)]
        expected.append(sum(scores[4] > score for score in scores[:4]) / 4)
    np.testing.assert_allclose(result.examples["opp"], expected)
    assert result.metrics["accuracy"] == pytest.approx(np.mean(np.array(expected) == 1))
    assert OutlierDetection(data=data).run(constant).metrics == {"accuracy": 0, "opp": 0}


def test_outliers_of_labels_are_found_by_who_knows_the_labels_and_by_chance_else(docs):
    labels = PyDocsLabels(source=docs, text="summary")
    data = OutliersFromLabels(inner=labels, groups=400, size=4)
    known = {
        text: 9 * np.eye(8)[label]
        for text, label in zip(labels.load().texts, labels.load().labels, strict=True)
    }
    assert OutlierDetection(data=data).run(model(8, **known)).metrics["accuracy"] == 1
    # Groups share texts, so that one model's luck does not average out: many models' does.
    runs = [OutlierDetection(data=data).run(model(20)).metrics for _ in range(40)]
    chance = {name: np.mean([run[name] for run in runs]) for name in ("accuracy", "opp")}
    assert abs(chance["accuracy"] - 1 / 5) < 0.04 and abs(chance["opp"] - 1 / 2) < 0.05
    with pytest.raises(UsageError, match="two labels"):
        OutliersFromLabels(inner=labels, size=10_000).load()


def test_categories_of_an_analogy_file(write):
    rows = [
        ("currency", "Japan", "yen", "Peru", "sol"),
        ("capital", "Tokyo", "Japan", "Lima", "Peru"),
    ]
    path = write("q.tsv", [("category", *"abcd"), *rows])
    every = AnalogyCategories(path=path).load()
    assert sorted(every.texts) == [
        "Lima",
        "Tokyo",
        "sol",
        "yen",
    ]  # countries stand under two labels
    two = AnalogyCategories(path=path, labels=("currency-1", "currency-2")).load()
    assert [two.names[n] for n in two.labels] == ["currency-1"] * 2 + ["currency-2"] * 2
    with pytest.raises(UsageError, match="currency-3"):
        AnalogyCategories(path=path, labels=("currency-3",)).load()
