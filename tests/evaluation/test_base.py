"""The embedding cache, results on disk, and running several tasks at once."""

import dataclasses

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import (
    STS,
    Classification,
    Clustering,
    LabelFile,
    PairClassification,
    PairFile,
    Paraphrased,
    PyDocsGrades,
    PyDocsLabels,
    PyDocsLinks,
    PyDocsRetrieval,
    Retrieval,
    Sampled,
    evaluate,
    evaluate_run,
    flatten,
    pydocs_tasks,
)
from jaxemb.retrieval import BM25
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import EmbeddingCache


@pytest.fixture
def tasks(docs):
    return (
        Retrieval(data=PyDocsRetrieval(source=docs)),
        STS(data=PyDocsGrades(source=docs, pairs=500)),
        Classification(data=PyDocsLabels(source=docs)),
        Clustering(data=PyDocsLabels(source=docs)),
        PairClassification(data=PyDocsLinks(source=docs)),
    )


def test_every_text_is_embedded_once_a_role(tasks, embed):
    seen = []

    def counting(texts, role):
        seen.extend((text, role) for text in texts)
        return embed(texts, role)

    evaluate(counting, tasks)
    assert len(seen) == len(set(seen))
    assert {role for _, role in seen} == {"query", "document"}


def test_cache_keeps_the_order_asked_for():
    cache = EmbeddingCache(lambda texts, role: np.array([[float(text)] for text in texts]))
    assert cache(["3", "1", "3"], "query")[:, 0].tolist() == [3, 1, 3]
    assert cache(["2", "1"], "query")[:, 0].tolist() == [2, 1]
    assert len(cache([], "query")) == len(cache([], "document")) == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda texts, role: np.full((len(texts), 2), np.nan, np.float32), FloatingPointError),
        (lambda texts, role: np.ones((1, 2), np.float32), ValueError),
        (lambda texts, role: np.ones(len(texts), np.float32), ValueError),
    ],
)
def test_bad_vectors_are_named(answer, error):
    with pytest.raises(error, match="2"):
        EmbeddingCache(answer)(["a", "b"], "query")


def test_every_task_gives_its_metrics_and_a_cluster_an_example(tasks, embed):
    results = evaluate(embed, tasks)
    assert list(results) == [task.name for task in tasks]
    for task in tasks:
        result = results[task.name]
        assert tuple(result.metrics) == task.metrics
        assert all(0 <= value <= 1 for value in result.metrics.values())
        lengths = {len(values) for values in result.examples.values()}
        assert len(lengths) == 1
        assert "cluster" in result.examples
        assert 1 < len(np.unique(result.examples["cluster"])) <= 40
        assert result.data == task.fingerprint()


def test_word_counts_beat_random_vectors_everywhere(tasks, embed):
    draw = np.random.default_rng(0)

    def random(texts, role):
        return draw.normal(size=(len(texts), 64)).astype("float32")

    words, chance = flatten(evaluate(embed, tasks)), flatten(evaluate(random, tasks))
    assert list(words) == list(chance)
    assert all(words[name] > chance[name] for name in words)


def test_evaluating_twice_gives_the_same_numbers(tasks, embed):
    assert flatten(evaluate(embed, tasks)) == flatten(evaluate(embed, tasks))


def test_a_searcher_scores_retrieval_alone(tasks):
    results = evaluate_run(BM25(), tasks)
    assert [name for name, result in results.items() if result] == ["retrieval"]
    assert results["retrieval"].metrics["ndcg@10"] > 0.5


def test_names_must_differ_and_fit_a_table(docs, embed):
    other = STS(data=PyDocsGrades(source=docs, pairs=100))
    with pytest.raises(UsageError, match="two tasks are named 'sts'"):
        evaluate(embed, [STS(data=PyDocsGrades(source=docs)), other])
    with pytest.raises(UsageError, match="cannot be named"):
        evaluate(embed, [dataclasses.replace(other, name="a/b")])
    assert list(evaluate(embed, [other, other])) == ["sts"]


def test_result_on_disk(tasks, embed, tmp_path):
    for result in evaluate(embed, tasks).values():
        result.save(tmp_path / "result.npz")
        loaded = Result.load(tmp_path / "result.npz")
        assert loaded.metrics == result.metrics
        assert loaded.data == result.data
        assert loaded.examples.keys() == result.examples.keys()
        for name, values in result.examples.items():
            np.testing.assert_array_equal(loaded.examples[name], values)


def test_other_split_is_other_data(tasks):
    for task in tasks:
        dev = task.on("dev")
        assert dev.name == task.name
        assert dev.data.split == "dev"
        assert dev.fingerprint() != task.fingerprint()


def test_default_tasks_survive_json():
    for task in pydocs_tasks("dev"):
        assert from_json(to_json(task)) == task


LABELS = {"part": "jaxemb.evaluation.PyDocsLabels", "label": "kind"}
PAIRS = {"part": "jaxemb.evaluation.WordPairFile", "path": "p.tsv"}
STORED = [
    (
        {"part": "jaxemb.evaluation.Classification", "data": LABELS, "penalty": 10.0},
        Classification(data=PyDocsLabels(label="kind")),
    ),
    (
        {"part": "jaxemb.evaluation.Probe", "name": "kind", "data": LABELS},
        Classification(name="kind", data=PyDocsLabels(label="kind")),
    ),
    (
        {"part": "jaxemb.evaluation.SampledPairs", "inner": PAIRS, "texts": 9},
        Sampled(inner=PairFile(path="p.tsv"), texts=9),
    ),
    (
        {"part": "jaxemb.evaluation.LabelTable", "path": "x", "train": "a", "split": "b"},
        LabelFile(path="x", train="a", split="b"),
    ),
    (
        {
            "part": "jaxemb.evaluation.Paraphrased", "runs": 2,
            "inner": {"part": "jaxemb.evaluation.STS"}, "gate": {"part": "jaxemb.evaluation.Open"},
        },
        Paraphrased(inner=STS(), runs=2),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "part"), STORED, ids=lambda x: type(x).__name__)
def test_what_was_stored_under_older_names_still_loads(stored, part):
    assert from_json(stored) == part


def test_a_field_that_is_gone_loads_only_with_the_value_that_changes_nothing():
    stored = {"part": "jaxemb.evaluation.Classification", "penalty": 0.1}
    with pytest.raises(UsageError, match=r"penalty=0.1 is no longer possible in .*Classification"):
        from_json(stored)
