"""Every type of task at its oracle, at chance, and when vectors turn."""

import math

import numpy as np
import pytest

from jaxemb.config import from_json, to_json
from jaxemb.evaluation import (
    BitextMining,
    BootstrapClustering,
    FewShotClassification,
    MultiLabelClassification,
    PairClassification,
    PairClassificationBySimilarity,
    Reranking,
    RetrievalAtCuts,
    STSBySimilarity,
    SubsetClustering,
    Summarization,
)
from jaxemb.evaluation.problems import PairProblem, RetrievalProblem
from jaxemb.statistics import level
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
from tests.evaluation.held import each_alone, held, looked_up, numbered

NEW = (
    BitextMining, BootstrapClustering, FewShotClassification, MultiLabelClassification,
    PairClassificationBySimilarity, Reranking, RetrievalAtCuts, STSBySimilarity, SubsetClustering,
    Summarization,
)  # fmt: skip
SETS = ((1, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 0, 0, 1, 1))


@pytest.fixture
def draw():
    return np.random.default_rng()


# --- oracles


def at_angles(gold):
    """Unit vectors at the angle whose cosine is the gold value from (1, 0)."""
    gold = np.asarray(gold)
    return np.stack([gold, np.sqrt(1 - gold**2)], axis=-1)


def oracles(draw):
    """Task and the vectors with which nobody could do better."""
    twins, shared = np.tile(np.eye(50), (2, 1)), reranking(draw)
    graded = pairs(draw)
    grades = draw.random(50)
    labels, sets = labelled(draw, 60, 300, 5), label_sets(draw, sets=SETS)
    asked = _one_answer(retrieval(draw))
    texts = summaries(draw, humans=1, machines=6)
    rated = draw.random((50, 6))
    everything = np.concatenate([labels.train_labels, labels.labels])
    every_set = np.concatenate([sets.train_labels, sets.labels]).astype(float)
    # A query lies along its own axis, its documents on the same, longer the better they are.
    along = np.repeat(np.eye(50), 12, axis=0) * np.ravel([row for row in shared.relevant])[:, None]
    own_axis = np.where(along.any(axis=1, keepdims=True), along, -1.0)
    yield BitextMining(data=held(bitext())), twins
    yield FewShotClassification(data=held(labels)), np.eye(5)[everything]
    yield SubsetClustering(data=held(labels), subsets=3), np.eye(5)[everything]
    yield BootstrapClustering(data=held(labels), size=200), np.eye(5)[everything]
    yield MultiLabelClassification(data=held(sets)), every_set
    yield (
        PairClassificationBySimilarity(data=held(graded)),
        np.concatenate([np.tile([1.0, 0.0], (50, 1)), at_angles(graded.gold)]),
    )
    yield (
        STSBySimilarity(data=held(graded._replace(gold=grades))),
        np.concatenate([np.tile([1.0, 0.0], (50, 1)), at_angles(grades)]),
    )
    yield Reranking(data=held(_binary(shared))), np.concatenate([np.eye(50), own_axis])
    yield (
        RetrievalAtCuts(data=held(asked), cuts=(10,)),
        np.concatenate([np.eye(50), _answers(asked)]),
    )
    yield (
        Summarization(data=held(texts._replace(gold=rated.tolist()))),
        np.concatenate([np.concatenate([[[1.0, 0.0]], at_angles(row)]) for row in rated]),
    )


def _binary(problem):
    return problem._replace(relevant=[[int(g > 0) for g in row] for row in problem.relevant])


def _one_answer(problem):
    return problem._replace(relevant=[{query: 1} for query in range(50)])


def _answers(problem):
    vectors = np.zeros((60, 50))
    for query, grades in enumerate(problem.relevant):
        for document in grades:
            vectors[document, query] = 1
    return vectors


def test_the_oracle_of_every_type_scores_one(draw):
    seen = []
    for task, vectors in oracles(draw):
        metrics = task.run(looked_up(vectors)).metrics
        wanted = [n for n in metrics if "dot_pearson" not in n and "precision@" not in n]
        if isinstance(task, STSBySimilarity):  # distances are no linear function of the cosine
            wanted = [n for n in wanted if n.endswith("spearman") or n == "cosine_pearson"]
            wanted = [n for n in wanted if not n.startswith("manhattan")]
        if isinstance(task, PairClassificationBySimilarity):
            assert metrics["max_ap"] == 1
        for name in wanted:
            assert metrics[name] == pytest.approx(1, abs=1e-6), (task.name, name)
        seen.append(type(task))
    assert set(seen) == set(NEW)


# --- chance


def test_random_vectors_score_chance(draw):
    classes, texts = 5, 2000
    problem = labelled(draw, 500, texts, classes)
    embed = looked_up(draw.normal(size=(2500, 16)))
    metrics = FewShotClassification(data=held(problem)).run(embed).metrics
    assert metrics["accuracy"] == pytest.approx(1 / classes, abs=0.03)
    for task in (SubsetClustering(subsets=1), BootstrapClustering(size=2000, samples=2)):
        found = type(task)(**{**vars(task), "data": held(problem)}).run(embed).metrics
        assert found["v_measure"] < 0.02

    gold = (draw.random(1000) < 0.3).astype(float)
    rated = PairProblem(numbered(0, 1000), numbered(1000, 1000), gold, each_alone(1000))
    metrics = PairClassificationBySimilarity(data=held(rated)).run(embed).metrics
    for kind in ("cosine", "dot", "euclidean", "manhattan"):
        assert metrics[f"{kind}_ap"] == pytest.approx(gold.mean(), abs=0.12)
    metrics = STSBySimilarity(data=held(rated)).run(embed).metrics
    assert all(abs(value) < 0.2 for value in metrics.values())
    assert BitextMining(data=held(bitext(1000))).run(embed).metrics["accuracy"] < 0.02
    graded = summaries(draw, texts=250)
    assert abs(Summarization(data=held(graded)).run(embed).metrics["spearman"]) < 0.15


def test_random_rankings_score_their_expectation(draw):
    """E[nDCG@10] = R/N Σ_{r≤10} 1/log2(r+1) over the ideal, for R of N documents relevant."""
    queries, documents, answers = 400, 100, 5
    relevant = [
        dict.fromkeys(draw.permutation(documents)[:answers].tolist(), 1) for _ in range(400)
    ]
    problem = RetrievalProblem(
        numbered(0, queries), numbered(queries, documents), relevant, each_alone(queries)
    )
    discounts = 1 / np.log2(np.arange(2, 12))
    expected = answers / documents * discounts.sum() / discounts[:answers].sum()
    embed = looked_up(draw.normal(size=(500, 200)))
    found = RetrievalAtCuts(data=held(problem)).run(embed).metrics
    assert found["ndcg@10"] == pytest.approx(expected, abs=0.03)
    assert found["recall@10"] == pytest.approx(10 / documents, abs=0.03)


# --- invariance


def every_task(draw):
    """Each type on a problem of numbered texts, and how many vectors it reads."""
    labels = held(labelled(draw, 60, 50, 3))
    return (
        (BitextMining(data=held(bitext())), 100),
        (FewShotClassification(data=labels), 110),
        (SubsetClustering(data=labels, subsets=2), 110),
        (MultiLabelClassification(data=held(label_sets(draw))), 110),
        (PairClassification(data=held(pairs(draw))), 100),
        (PairClassificationBySimilarity(data=held(pairs(draw))), 100),
        (STSBySimilarity(data=held(pairs(draw))), 100),
        (Reranking(data=held(reranking(draw))), 650),
        (RetrievalAtCuts(data=held(retrieval(draw))), 110),
        (Summarization(data=held(summaries(draw))), 450),
    )


def test_scores_do_not_change_when_vectors_turn(draw):
    turn = np.linalg.qr(draw.normal(size=(WIDTH, WIDTH)))[0]
    for task, rows in every_task(draw):
        vectors = draw.normal(size=(rows, WIDTH))
        # Labelled texts lie in groups: a k-means that rounding tips over would prove nothing.
        vectors += 20 * np.eye(WIDTH)[np.arange(rows) % 3] * isinstance(task, SubsetClustering)
        before, after = (task.run(looked_up(v)).metrics for v in (vectors, vectors @ turn))
        for name in before:
            if not name.startswith(("manhattan", "max")):
                assert after[name] == pytest.approx(before[name], abs=2e-4), (task.name, name)


def test_cosine_scores_do_not_change_when_vectors_grow(draw):
    for task, rows in every_task(draw):
        vectors = draw.normal(size=(rows, WIDTH))
        grown = vectors * draw.uniform(0.1, 10, (rows, 1))
        before, after = (task.run(looked_up(v)).metrics for v in (vectors, grown))
        if not isinstance(
            task, FewShotClassification | SubsetClustering | MultiLabelClassification
        ):
            for name in before:
                if not name.startswith(("dot", "euclidean", "manhattan", "max")):
                    assert after[name] == pytest.approx(before[name], abs=2e-4), (task.name, name)


def test_rank_correlation_does_not_change_when_gold_is_stretched(draw):
    problem, vectors = pairs(draw), draw.normal(size=(100, WIDTH))
    gold = draw.random(50)
    before, after = (
        STSBySimilarity(data=held(problem._replace(gold=g))).run(looked_up(vectors)).metrics
        for g in (gold, np.exp(7 * gold) - 3)
    )
    for name in before:
        if name.endswith("spearman"):
            assert after[name] == pytest.approx(before[name])
    assert after["cosine_pearson"] != pytest.approx(before["cosine_pearson"])


# --- records


def test_records_give_the_score_back_and_an_interval(draw):
    """A score is the mean of its record, or recomputed from records, whoever asks."""
    for task, rows in every_task(draw):
        result = task.run(looked_up(draw.normal(size=(rows, WIDTH))))
        assert set(result.metrics) <= set(task.metrics)
        assert next(iter(result.metrics)) == task.metrics[0]
        for name, value in result.metrics.items():
            comparison = level([result], name, trained=False)
            assert comparison.effect == value and math.isfinite(comparison.standard_error)


@pytest.mark.parametrize("task", NEW)
def test_default_tasks_survive_json(task):
    assert from_json(to_json(task())) == task()
    assert task().on("dev").data.split == "dev"
