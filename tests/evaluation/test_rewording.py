"""Tasks in other words: what must not change, what must, and how the drop is judged."""

import dataclasses

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import (
    STS,
    AnswerRank,
    At,
    Classification,
    Clustering,
    Judge,
    MeaningRetrieval,
    PairClassification,
    PairClassificationBySimilarity,
    Paraphrased,
    Paraphraser,
    Prompted,
    PyDocsGrades,
    PyDocsLabels,
    PyDocsLinks,
    PyDocsRetrieval,
    Restyled,
    Retrieval,
    SubsetClustering,
    Unchanged,
    evaluate,
)
from jaxemb.evaluation.grammar.meanings import understand
from jaxemb.retrieval import BM25
from jaxemb.statistics import level
from jaxemb.statistics.metrics import STATISTICS, spearman, statistic_of
from jaxemb.statistics.result import Result
from jaxemb.study import controls
from jaxemb.text import Template
from tests.evaluation.test_truncation import Layered


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noisy(Paraphraser):
    """Adds a word: every text changes, and differently with every draw."""

    def __call__(self, text, draw):
        return f"{text} noise{draw.integers(1000)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedWords(Judge):
    """5 times the share of words that both texts have, over those that either has."""

    def __call__(self, first, second):
        pairs = [(set(a.split()), set(b.split())) for a, b in zip(first, second, strict=True)]
        return np.array([5 * len(a & b) / len(a | b) for a, b in pairs])


@pytest.fixture
def tasks(docs):
    labels = PyDocsLabels(source=docs, train=60, texts=60)
    return (
        Retrieval(data=PyDocsRetrieval(source=docs, queries=60)),
        STS(data=PyDocsGrades(source=docs, pairs=100)),
        Classification(data=labels),
        Clustering(data=labels, runs=2),
        PairClassification(data=PyDocsLinks(source=docs, pairs=60)),
        PairClassificationBySimilarity(name="by", data=PyDocsLinks(source=docs, pairs=60)),
        SubsetClustering(name="subsets", data=labels, subsets=2),
        AnswerRank(data=PyDocsRetrieval(source=docs, queries=60)),
    )


def test_identity_changes_no_score_of_any_task(tasks, embed):
    wrapped = [Paraphrased(inner=task, paraphraser=Unchanged(), runs=2) for task in tasks]
    for task, result in zip(tasks, evaluate(embed, wrapped).values(), strict=True):
        whole = task.run(embed)
        assert result.data == whole.data
        for name, value in whole.metrics.items():
            assert result.metrics[f"{name}.mean"] == pytest.approx(value)
            assert result.metrics[f"{name}.drop"] == result.metrics[f"{name}.spread"] == 0
        assert result.metrics["edit_distance"] == 0
        assert result.metrics["unchanged"] == 1
        np.testing.assert_array_equal(result.examples["cluster"], whole.examples["cluster"])


def test_scores_are_those_of_separate_runs(tasks, embed):
    """Mean, drop and spread by hand; and the records give the metric back, as the statistics need."""
    for task in tasks:
        wrapped = Paraphrased(inner=task, paraphraser=Noisy(), runs=3, seed=5)
        result = wrapped.run(embed)
        assert set(result.metrics) == set(wrapped.metrics)

        def scores(reword, task=task):
            return task.run(lambda texts, role: embed(reword(texts, role), role)).metrics

        runs = [scores(reword) for reword in wrapped.rewordings()]
        whole = task.run(embed).metrics
        for name in task.metrics:
            values = [run[name] for run in runs]
            assert result.metrics[f"{name}.mean"] == pytest.approx(np.mean(values))
            assert result.metrics[f"{name}.drop"] == pytest.approx(whole[name] - np.mean(values))
            assert result.metrics[f"{name}.spread"] == pytest.approx(np.std(values, ddof=1))
            for of in ("mean", "drop"):
                metric, statistic = f"{name}.{of}", statistic_of(f"{name}.{of}")
                if statistic is None:
                    found = result.examples[metric].mean()
                else:
                    found = statistic(result.examples)
                assert found == pytest.approx(result.metrics[metric], abs=1e-9)
                score = level([result], metric, trained=False)
                assert score.clusters > 1 and score.effect == result.metrics[metric]
            assert level([result], f"{name}.spread", trained=False).clusters == 0


def test_equal_texts_are_reworded_alike_whatever_their_side_order_or_company():
    task = Paraphrased(inner=STS(), paraphraser=Noisy(), runs=3)
    first, second, third = task.rewordings()
    whole = first(["a", "b", "a"], "query")
    assert whole[0] == whole[2] != whole[1]
    assert first(["c", "a"], "document")[1] == whole[0]
    alone, other, _ = Paraphrased(inner=STS(), paraphraser=Noisy(), runs=3).rewordings()
    assert alone(["b"], "query") == whole[1:2]
    assert len({str(run(["a", "b"], "query")) for run in (first, second, third)}) == 3
    assert other(["a", "b"], "query") == second(["a", "b"], "query")
    seeded = Paraphrased(inner=STS(), paraphraser=Noisy(), seed=1).rewordings()[0]
    assert seeded(["a"], "query") != whole[:1]


def test_what_the_model_is_given_is_the_paraphrase_on_both_sides(tasks):
    seen = []

    def embed(texts, role):
        seen.extend((text, role) for text in texts)
        return np.ones((len(texts), 2), np.float32)

    problem = tasks[0].data.load()
    Paraphrased(inner=tasks[0], paraphraser=Noisy(), runs=1).run(embed)
    reworded = [(text, role) for text, role in seen if "noise" in text]
    assert len(reworded) == len(problem.queries) + len(problem.documents)
    assert {role for _, role in reworded} == {"query", "document"}


# --- exact meanings


def oracle(texts, role):
    """A model that understands."""
    draws = [np.random.default_rng(understand(text)).normal(size=32) for text in texts]
    return np.stack(draws).astype(np.float32)


def test_an_oracle_of_meaning_loses_nothing_and_a_bag_of_words_a_lot(embed):
    """A bag is also right only every other time among sentences with the roles exchanged."""
    inner = Retrieval(data=MeaningRetrieval(documents=200))
    task = Paraphrased(inner=inner, paraphraser=Restyled(), runs=2)
    knows, counts = task.run(oracle).metrics, task.run(embed).metrics
    assert knows["ndcg@10.mean"] == 1 and knows["ndcg@10.drop"] == knows["ndcg@10.spread"] == 0
    assert counts["ndcg@10.drop"] > 0.10 and inner.run(embed).metrics["mrr@10"] < 0.8
    assert knows["unchanged"] == 0 and 0.1 < knows["edit_distance"] < 1


# --- searchers, depths, prompts


def test_a_lexical_searcher_reads_the_paraphrases():
    inner = Retrieval(data=MeaningRetrieval(documents=100))
    task = Paraphrased(inner=inner, paraphraser=Restyled(), runs=2)
    whole = inner.score_run(BM25()).metrics["ndcg@10"]
    result = task.score_run(BM25())
    assert result.metrics["ndcg@10.drop"] > 0.1
    assert result.metrics["ndcg@10.drop"] + result.metrics["ndcg@10.mean"] == pytest.approx(whole)
    row = controls.BM25().score(None, [inner, task, STS(), Paraphrased(inner=STS())])
    assert set(row) == {"retrieval", "retrieval@paraphrased"}
    assert row["retrieval@paraphrased"].metrics == result.metrics


def test_a_cut_model_is_cut_for_the_paraphrases_too(tasks, embed):
    inner = At(inner=tasks[1], layers=1)
    task = Paraphrased(inner=inner, paraphraser=Unchanged(), runs=1)
    result = evaluate(Layered(embed), [task])["sts@layers=1@paraphrased"]
    assert result.metrics["spearman.drop"] == 0
    assert result.metrics["spearman.mean"] < tasks[1].run(embed).metrics["spearman"]
    plain = task.run(embed)  # without layers it is the same at every depth
    assert plain.metrics["spearman.drop"] == 0


def test_prompts_are_runs_by_role(tasks, embed):
    templates = (Template(), Template(query="find "), Template(query="x " * 40, document="y "))
    task = Prompted(inner=tasks[0], templates=templates)
    seen = []

    def watched(texts, role):
        seen.extend((text, role) for text in texts)
        return embed(texts, role)

    result = task.run(watched)
    assert set(result.metrics) == set(task.metrics) and task.name == "retrieval@prompted"
    starts = {(text.partition(" ")[0], role) for text, role in seen}
    assert {("find", "query"), ("x", "query"), ("y", "document")} <= starts
    assert not {("find", "document"), ("x", "document"), ("y", "query")} & starts
    scores = [
        tasks[0].run(lambda t, r, p=p: embed([p.prefix(r) + x for x in t], r)).metrics["ndcg@10"]
        for p in templates
    ]
    assert result.metrics["ndcg@10.mean"] == pytest.approx(np.mean(scores))
    assert result.metrics["range"] == pytest.approx(max(scores) - min(scores))
    assert max(scores) > min(scores)
    empty = Prompted(inner=tasks[0], templates=(Template(),)).run(embed)
    assert empty.metrics["ndcg@10.drop"] == empty.metrics["range"] == 0


# --- what is described


def test_paraphrases_are_described_beside_the_scores(tasks, embed):
    task = Paraphrased(inner=tasks[1], paraphraser=Noisy(), judge=SharedWords(), runs=2)
    noisy, still = (
        dataclasses.replace(task, paraphraser=part).run(embed).metrics
        for part in (Noisy(), Unchanged())
    )
    assert still["unchanged"] == 1 and still["similarity"] == 5 and still["edit_distance"] == 0
    assert noisy["unchanged"] == 0 and 3 < noisy["similarity"] < 5
    assert 0 < noisy["edit_distance"] < 1


def test_a_run_that_fails_fails_the_task(tasks):
    def embed(texts, role):
        if any("noise" in text for text in texts):
            raise FloatingPointError("broken")
        return np.ones((len(texts), 2), np.float32)

    with pytest.raises(FloatingPointError, match="broken"):
        Paraphrased(inner=tasks[1], paraphraser=Noisy()).run(embed)


def test_examples_that_change_are_refused():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Shifting(STS):
        def run(self, embed):
            first = float(embed(["a"], "query")[0, 0])
            metrics = {"spearman": 0.0, "pearson": 0.0}
            return Result(metrics=metrics, examples={"gold": np.array([first])})

    def length(texts, role):
        return np.array([[len(text)] for text in texts], np.float32)

    with pytest.raises(ValueError, match="gold differs"):
        Paraphrased(inner=Shifting(), paraphraser=Noisy()).run(length)


def test_statistics_over_runs_are_the_separate_ones():
    rng = np.random.default_rng(0)
    gold, runs = rng.normal(size=30), rng.normal(size=(30, 4))
    scores = [spearman(runs[:, n], gold) for n in range(4)]
    records = {"prediction": runs, "gold": gold}
    assert statistic_of("spearman.mean")(records) == pytest.approx(np.mean(scores[1:]))
    assert statistic_of("spearman.drop")(records) == pytest.approx(scores[0] - np.mean(scores[1:]))
    assert statistic_of("spearman") is STATISTICS["spearman"]
    for name in ("ndcg@10", "ndcg@10.drop", "spearman.spread", "spearman.mean.mean"):
        assert statistic_of(name) is None


@pytest.mark.parametrize("changes", [{"runs": 0}, {"sample": 0}])
def test_empty_settings_are_refused(changes):
    with pytest.raises(UsageError, match="must be at least 1"):
        Paraphrased(inner=STS(), **changes)
    with pytest.raises(UsageError, match="at least one template"):
        Prompted(inner=STS(), templates=())


def test_json_split_and_fingerprint(tasks):
    task = Paraphrased(inner=tasks[0], judge=SharedWords())
    assert from_json(to_json(task)) == task
    assert task.fingerprint() == tasks[0].fingerprint()
    assert task.on("dev") == dataclasses.replace(task, inner=tasks[0].on("dev"))
    prompted = Prompted(inner=tasks[0], templates=(Template(query="q"),))
    assert from_json(to_json(prompted)) == prompted
    assert Prompted(inner=STS(), templates=(Template(),)).score_run(None) is None
