"""Every type of task against brute force, with ties."""

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from jaxemb.config import UsageError
from jaxemb.evaluation import (
    STS,
    BitextMining,
    BootstrapClustering,
    FewShotClassification,
    MultiLabelClassification,
    PairClassificationBySimilarity,
    Reranking,
    Retrieval,
    RetrievalAtCuts,
    STSBySimilarity,
    SubsetClustering,
    Summarization,
)
from jaxemb.evaluation.classification import few_shots
from jaxemb.evaluation.multi_label import shots_of_sets
from jaxemb.evaluation.problems import PairProblem
from tests.evaluation.drawn import (
    WIDTH,
    bitext,
    label_sets,
    labelled,
    pairs,
    reranking,
    retrieval,
    summaries,
)
from tests.evaluation.held import each_alone, held, looked_up


@pytest.fixture
def draw():
    return np.random.default_rng()


def tied(draw, rows, different=12):
    """Vectors of which many are the same, so that scores tie."""
    return draw.normal(size=(different, WIDTH))[draw.integers(different, size=rows)]


def cosines(one, other):
    one, other = (np.asarray(x, np.float32).astype(np.float64) for x in (one, other))
    norms = np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    return np.round(one @ other.T / norms, 6)  # equal vectors tie, whatever the rounding


def test_bitext_is_what_weighted_scores_of_the_nearest_are(draw):
    vectors = tied(draw, 100, 30)
    metrics = BitextMining(data=held(bitext())).run(looked_up(vectors)).metrics
    nearest = np.argmax(cosines(vectors[:50], vectors[50:]), axis=1)
    for name in ("precision", "recall", "f1"):
        score = getattr(sklearn.metrics, f"{name}_score")
        expected = score(np.arange(50), nearest, average="weighted", zero_division=0)
        assert metrics[name] == pytest.approx(expected), name
    assert metrics["accuracy"] == metrics["recall"] == np.mean(nearest == np.arange(50))


def similarities(one, other):
    one, other = (np.asarray(x, np.float32).astype(np.float64) for x in (one, other))
    return {
        "cosine": np.diag(cosines(one, other)),
        "dot": np.array([a @ b for a, b in zip(one, other, strict=True)]),
        "euclidean": np.array([-math.dist(a, b) for a, b in zip(one, other, strict=True)]),
        "manhattan": np.array([-np.sum(np.abs(a - b)) for a, b in zip(one, other, strict=True)]),
    }


def best_by_hand(scores, gold):
    """Accuracy, F1, precision and recall of every threshold that leaves something on either side."""
    found = []
    for threshold in sorted(set(scores), reverse=True)[:-1]:
        called = scores >= threshold
        hits = np.sum(called & (gold == 1))
        precision, recall = hits / called.sum(), hits / np.sum(gold == 1)
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        found.append((np.mean(called == (gold == 1)), f1, precision, recall))
    best = max(found, key=lambda entry: entry[1])
    return {"accuracy": max(found)[0], "f1": best[1], "precision": best[2], "recall": best[3]}


def ap_by_hand(scores, gold):
    total = 0.0
    for threshold in set(scores):
        called = scores >= threshold
        gained = np.sum((scores == threshold) & (gold == 1)) / np.sum(gold)
        total += gained * np.sum(called & (gold == 1)) / called.sum()
    return total


def test_pair_scores_are_those_of_every_threshold(draw):
    problem, vectors = pairs(draw), tied(draw, 100, 5)
    metrics = PairClassificationBySimilarity(data=held(problem)).run(looked_up(vectors)).metrics
    highest = {}
    for kind, scores in similarities(vectors[:50], vectors[50:]).items():
        expected = {"ap": ap_by_hand(scores, problem.gold), **best_by_hand(scores, problem.gold)}
        for name, value in expected.items():
            assert metrics[f"{kind}_{name}"] == pytest.approx(value), (kind, name)
            highest[name] = max(value, highest.get(name, 0))
    assert {name: metrics[f"max_{name}"] for name in highest} == pytest.approx(highest)


def test_pairs_that_all_tie_have_no_threshold():
    problem = PairProblem(["0"] * 4, ["0"] * 4, np.array([1.0, 0, 1, 0]), each_alone(4))
    metrics = (
        PairClassificationBySimilarity(data=held(problem)).run(looked_up(np.ones((1, 2)))).metrics
    )
    assert metrics["max_accuracy"] == metrics["max_f1"] == 0 and metrics["max_ap"] == 0.5


def test_sts_by_similarity_is_scipys(draw):
    problem, vectors = pairs(draw), tied(draw, 100, 8)
    problem = problem._replace(gold=draw.integers(0, 5, 50).astype(np.float64))
    metrics = STSBySimilarity(data=held(problem)).run(looked_up(vectors)).metrics
    for kind, scores in similarities(vectors[:50], vectors[50:]).items():
        for name in ("spearman", "pearson"):
            expected = getattr(scipy.stats, f"{name}r")(scores, problem.gold).statistic
            assert metrics[f"{kind}_{name}"] == pytest.approx(expected, abs=1e-6), (kind, name)


def test_plain_sts_is_that_by_cosine(draw):
    problem, vectors = pairs(draw), draw.normal(size=(100, WIDTH))  # no ties: rounding orders none
    problem = problem._replace(gold=draw.integers(0, 5, 50).astype(np.float64))
    metrics = STSBySimilarity(data=held(problem)).run(looked_up(vectors)).metrics
    plain = STS(data=held(problem)).run(looked_up(vectors)).metrics
    assert plain["spearman"] == pytest.approx(metrics["cosine_spearman"], abs=1e-6)
    assert plain["pearson"] == pytest.approx(metrics["cosine_pearson"], abs=1e-6)


def ranked_by_hand(scores):
    """Best first; of equal scores the later number first."""
    return sorted(range(len(scores)), key=lambda place: (scores[place], place), reverse=True)


def at_cut(order, grades, k):
    gains = [grades.get(place, 0) for place in order]
    hits = [gain > 0 for gain in gains]
    precisions = [
        np.mean(hits[: rank + 1]) for rank in range(len(order)) if hits[rank] and rank < k
    ]

    def dcg(values):
        return sum(value / math.log2(rank + 2) for rank, value in enumerate(values[:k]))

    first = next((rank for rank, hit in enumerate(hits) if hit), math.inf)
    return {
        "ndcg": dcg(gains) / dcg(sorted(grades.values(), reverse=True)),
        "map": sum(precisions) / len(grades),
        "recall": sum(hits[:k]) / len(grades),
        "precision": sum(hits[:k]) / k,
        "mrr": 1 / (first + 1) if first < k else 0.0,
    }


def test_retrieval_at_cuts_with_ties_grades_and_own_documents(draw):
    problem, vectors = retrieval(draw), tied(draw, 110)
    problem = problem._replace(excluded=draw.integers(-1, 60, 50).astype(np.int32))
    for query, out in enumerate(problem.excluded.tolist()):
        problem.relevant[query].pop(out, None)
        problem.relevant[query].setdefault((out + 1) % 60, 1)
    task = RetrievalAtCuts(data=held(problem), cuts=(1, 3, 10, 100))
    found = task.run(looked_up(vectors)).examples
    scores = cosines(vectors[:50], vectors[50:])
    for query, grades in enumerate(problem.relevant):
        order = [d for d in ranked_by_hand(scores[query]) if d != problem.excluded[query]]
        for k in task.cuts:
            for name, expected in at_cut(order, grades, k).items():
                assert found[f"{name}@{k}"][query] == pytest.approx(expected, abs=1e-6), (name, k)


def test_cuts_agree_with_retrieval(draw):
    problem, embed = held(retrieval(draw)), looked_up(draw.normal(size=(110, WIDTH)))
    plain, cuts = (task(data=problem).run(embed).metrics for task in (Retrieval, RetrievalAtCuts))
    assert {name: cuts[name] for name in plain} == pytest.approx(plain)
    assert RetrievalAtCuts(cuts=(1, 5)).metrics[0] == "ndcg@1"


def test_reranking_with_ties_and_grades(draw):
    problem = reranking(draw)
    vectors = tied(draw, 50 + 50 * 12, 6)
    found = Reranking(data=held(problem)).run(looked_up(vectors)).examples
    for query, row in enumerate(problem.relevant):
        scores = cosines(vectors[[query]], vectors[[int(n) for n in problem.candidates[query]]])[0]
        grades = {place: grade for place, grade in enumerate(row) if grade}
        expected = at_cut(ranked_by_hand(scores), grades, 10)
        assert found["map"][query] == pytest.approx(
            at_cut(ranked_by_hand(scores), grades, 100)["map"], abs=1e-6
        )
        assert found["mrr@10"][query] == pytest.approx(expected["mrr"], abs=1e-6)
        assert found["ndcg@10"][query] == pytest.approx(expected["ndcg"], abs=1e-6)


class Searcher:
    """Scores documents by one number each, and returns only the better half."""

    def __init__(self, scores):
        self.scores = scores

    def index(self, documents):
        self.places = [int(text) for text in documents]
        return self

    def search(self, queries, k):
        of = self.scores[self.places]
        order = np.argsort(-of, kind="stable")[: len(of) // 2]
        return np.tile(order, (len(queries), 1)), np.tile(of[order], (len(queries), 1))


def test_reranking_scores_a_searcher_and_ranks_the_unfound_last(draw):
    problem = reranking(draw, queries=5)
    scores = draw.permutation(5 + 5 * 12) + 1.0
    result = Reranking(data=held(problem)).score_run(Searcher(scores))
    cut = np.median(scores[5:])
    for query, row in enumerate(problem.relevant):
        of = [s if s > cut else 0.0 for s in scores[[int(n) for n in problem.candidates[query]]]]
        grades = {place: grade for place, grade in enumerate(row) if grade}
        expected = at_cut(ranked_by_hand(of), grades, 100)["map"]
        assert result.examples["map"][query] == pytest.approx(expected, abs=1e-6)


def test_summarization_is_scipys_within_each_text(draw):
    problem, vectors = summaries(draw), draw.normal(size=(450, WIDTH))
    problem.gold[7] = [2.0] * 6  # nobody could order these
    result = Summarization(data=held(problem)).run(looked_up(vectors))
    expected = {name: [] for name in result.metrics}
    for text, gold in enumerate(problem.gold):
        if text == 7:
            continue
        one, other = (
            vectors[[int(n) for n in group[text]]].astype(np.float32).astype(np.float64)
            for group in (problem.summaries, problem.references)
        )
        for prefix, scores in (("", cosines(one, other)), ("dot_", one @ other.T)):
            best = scores.max(axis=1)
            expected[f"{prefix}spearman"].append(scipy.stats.spearmanr(best, gold).statistic)
            expected[f"{prefix}pearson"].append(scipy.stats.pearsonr(best, gold).statistic)
    assert len(result.examples["cluster"]) == 49
    for name, values in expected.items():
        np.testing.assert_allclose(result.examples[name], values, atol=1e-5)
        assert result.metrics[name] == pytest.approx(np.mean(values), abs=1e-5)


def test_summaries_that_are_all_graded_alike_are_no_task(draw):
    problem = summaries(draw)
    problem.gold[:] = [[2.0] * len(gold) for gold in problem.gold]
    with pytest.raises(UsageError, match="nothing to order"):
        Summarization(data=held(problem)).run(looked_up(draw.normal(size=(450, WIDTH))))


def test_few_shots_are_as_many_a_label_and_differ(draw):
    labels = draw.integers(0, 4, 100)
    labels[labels == 3] = np.where(np.arange(np.sum(labels == 3)) < 2, 3, 0)  # a rare label
    draws = few_shots(labels, 8, 10, 42)
    for rows in draws:
        assert len(set(rows.tolist())) == len(rows)
        assert np.bincount(labels[rows]).tolist() == [8, 8, 8, 2]
    assert len({tuple(sorted(rows.tolist())) for rows in draws}) == 10
    assert [rows.tolist() for rows in few_shots(labels, 8, 10, 42)] == [r.tolist() for r in draws]


def test_few_shot_scores_are_means_over_repeats(draw):
    problem, vectors = labelled(draw, 60, 50, 2), draw.normal(size=(110, WIDTH))
    result = FewShotClassification(data=held(problem), repeats=4).run(looked_up(vectors))
    runs, truth = result.examples["assignment"].T, problem.labels
    assert len(runs) == 4
    expected = {
        "accuracy": [sklearn.metrics.accuracy_score(truth, run) for run in runs],
        "macro_f1": [sklearn.metrics.f1_score(truth, run, average="macro") for run in runs],
        "ap": [sklearn.metrics.average_precision_score(truth, run) for run in runs],
    }
    assert result.metrics == pytest.approx({name: np.mean(v) for name, v in expected.items()})


def test_average_precision_is_for_two_labels(draw):
    problem = labelled(draw, 60, 50, 3)
    result = FewShotClassification(data=held(problem)).run(looked_up(np.eye(110)))
    assert list(result.metrics) == ["accuracy", "macro_f1"]
    with pytest.raises(UsageError, match="two classes"):
        one = problem._replace(train_labels=np.zeros(60, np.int32))
        FewShotClassification(data=held(one)).run(looked_up(np.eye(110)))


def test_multi_label_votes_and_scores(draw):
    problem, vectors = label_sets(draw), draw.normal(size=(110, WIDTH))
    task = MultiLabelClassification(data=held(problem), repeats=3)
    result = task.run(looked_up(vectors))
    given, truth = result.examples["assignment"], problem.labels
    for repeat, rows in enumerate(shots_of_sets(problem.train_labels, 8, 3, 42)):
        apart = np.linalg.norm(vectors[60:, None] - vectors[rows], axis=2)
        near = np.array(rows)[np.argsort(apart, axis=1)[:, :5]]
        np.testing.assert_array_equal(
            given[..., repeat], problem.train_labels[near].sum(axis=1) > 2
        )
    runs = [given[..., repeat] for repeat in range(3)]
    expected = {
        "accuracy": [sklearn.metrics.accuracy_score(truth, run) for run in runs],
        "macro_f1": [
            sklearn.metrics.f1_score(truth, run, average="macro", zero_division=0) for run in runs
        ],
        "lrap": [sklearn.metrics.label_ranking_average_precision_score(truth, run) for run in runs],
        "hamming": [
            sklearn.metrics.jaccard_score(truth, run, average="samples", zero_division=1)
            for run in runs
        ],
    }
    assert result.metrics == pytest.approx({name: np.mean(v) for name, v in expected.items()})


def test_multi_label_draws_until_every_label_has_its_shots(draw):
    labels = draw.random((200, 6)) < 0.15
    for rows in shots_of_sets(labels, 5, 4, 0):
        assert len(set(rows)) == len(rows)
        assert np.all(labels[rows].sum(axis=0) >= np.minimum(5, labels.sum(axis=0)))
    with pytest.raises(UsageError, match="fewer than 5 texts"):
        problem = label_sets(draw, labels=2)
        task = MultiLabelClassification(data=held(problem), shots=1)
        task.run(looked_up(np.eye(110)))


def test_subsets_part_the_texts_and_bootstraps_draw_them_again(draw):
    problem = labelled(draw, 0, 101, 3)
    embed = looked_up(draw.normal(size=(101, WIDTH)))
    parted = SubsetClustering(data=held(problem), subsets=4).run(embed).examples["times"]
    assert parted.sum(axis=1).tolist() == [1] * 101
    assert sorted(parted.sum(axis=0).tolist()) == [25, 25, 25, 26]
    again = BootstrapClustering(data=held(problem), samples=3, size=80).run(embed).examples["times"]
    assert again.sum(axis=0).tolist() == [80] * 3 and again.max() > 1
    some = BootstrapClustering(data=held(problem), texts=30, size=50).run(embed)
    assert len(some.examples["label"]) == 30
