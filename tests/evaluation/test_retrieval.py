"""Retrieval metrics against their definitions, written out query by query."""

import math

import numpy as np
import pytest

from jaxemb.evaluation import PyDocsRetrieval, Retrieval, RetrievalAtCuts
from jaxemb.evaluation.problems import RetrievalProblem
from jaxemb.evaluation.retrieval import trec_metrics
from tests.evaluation.held import held


def by_hand(grades, ranking, k, depth):
    """trec_eval's rule: order by score, and equal scores by id, descending."""
    order = sorted(ranking, key=lambda document: (ranking[document], document), reverse=True)
    gains = [grades.get(document, 0) for document in order]
    ideal = sorted(grades.values(), reverse=True)

    def gain(values):
        return sum(value / math.log2(place + 2) for place, value in enumerate(values[:k]))

    first = next((place + 1 for place, value in enumerate(gains) if value), math.inf)
    return {
        f"ndcg@{k}": gain(gains) / gain(ideal),
        f"mrr@{k}": 1 / first if first <= k else 0,
        f"recall@{k}": sum(value > 0 for value in gains[:k]) / len(grades),
        f"recall@{depth}": sum(value > 0 for value in gains[:depth]) / len(grades),
    }


@pytest.mark.parametrize("k", [1, 5, 10])
def test_metrics_with_ties_and_grades_follow_their_definitions(k):
    draw = np.random.default_rng(k)
    relevant, rankings = [], []
    for _ in range(60):
        documents = draw.permutation(200)[:60].tolist()
        judged = draw.permutation(200)[: draw.integers(1, 12)].tolist()
        relevant.append({document: int(draw.integers(1, 4)) for document in judged})
        # Few different scores: most documents are tied with others.
        rankings.append({document: float(draw.integers(0, 6)) for document in documents})
    names = (f"ndcg@{k}", f"mrr@{k}", f"recall@{k}", "recall@20")
    found = trec_metrics(relevant, rankings, names)
    for query in range(60):
        for name, expected in by_hand(relevant[query], rankings[query], k, 20).items():
            assert found[name][query] == pytest.approx(expected, abs=1e-6), name


def test_query_without_any_document_scores_nothing():
    found = trec_metrics([{0: 1}, {1: 1}], [{0: 1.0}, {}], ("ndcg@10", "recall@100"))
    assert found["ndcg@10"].tolist() == [1, 0]
    assert found["recall@100"].tolist() == [1, 0]


@pytest.mark.parametrize("depth", [1, 100, 149, 150, 1000])
@pytest.mark.parametrize("relevant", [149, 0])
def test_the_ranking_ends_among_equal_scores_as_the_metric_orders_them(depth, relevant):
    """The higher number first: a cut by another rule would make the score depend on the depth."""
    texts = [f"d{n}" for n in range(150)]
    problem = RetrievalProblem(["q"], texts, [{relevant: 1}], np.zeros(1, np.int32))

    class Equal:
        """A searcher without an opinion."""

        def index(self, documents):
            return self

        def search(self, queries, k):
            best = np.arange(min(k, 150))
            return best[None], np.ones((1, len(best)))

    for task in (
        Retrieval(data=held(problem), depth=depth, k=1),
        RetrievalAtCuts(data=held(problem), cuts=(1, depth)),
    ):
        results = (
            task.run(lambda t, role: np.ones((len(t), 4), np.float32)),
            task.score_run(Equal()),
        )
        for result in results:
            assert result.metrics["ndcg@1"] == result.metrics["mrr@1"] == (relevant == 149)
            assert result.metrics[f"recall@{depth}"] == (relevant == 149 or depth >= 150)


def test_own_document_is_taken_out_before_the_cut():
    problem = RetrievalProblem(
        queries=["a"],
        documents=["a", "b", "c"],
        relevant=[{1: 1}],
        clusters=np.zeros(1, np.int32),
        excluded=np.zeros(1, np.int32),
    )
    task = Retrieval(k=1, depth=1)
    ids, scores = np.array([[0, 1]]), np.array([[1.0, 0.5]])
    assert task.reach(problem) == 2
    assert by_hand({1: 1}, {0: 1.0, 1: 0.5}, 1, 1)["ndcg@1"] == 0
    found = task.judge(problem, ids, scores).metrics
    assert found == {"ndcg@1": 1.0, "mrr@1": 1.0, "recall@1": 1.0}


def test_equal_summaries_and_bodies_are_one_query_and_one_document(docs):
    class Doubled(type(docs)):
        def records(self, split):
            records = super().records(split)[:12]
            records[1] = {**records[1], "summary": records[0]["summary"]}
            records[3] = {**records[3], "body": records[2]["body"]}
            return records

    problem = PyDocsRetrieval(source=Doubled()).load()
    assert len(problem.queries) == len(set(problem.queries)) == 11
    assert len(problem.documents) == len(set(problem.documents)) == 11
    asked = problem.queries.index(docs.records("test")[0]["summary"])
    answers = {problem.documents[n] for n in problem.relevant[asked]}
    assert answers == {record["body"] for record in docs.records("test")[:2]}


def test_caps_keep_every_answer(docs):
    problem = PyDocsRetrieval(source=docs, queries=20, documents=50).load()
    assert (len(problem.queries), len(problem.documents)) == (20, 50)
    for query, grades in zip(problem.queries, problem.relevant, strict=True):
        name = query.split(" ", 1)[1].removesuffix(".")
        assert any(name in problem.documents[number] for number in grades)
    again = PyDocsRetrieval(source=docs, queries=20, documents=50, seed=1).load()
    assert again.queries != problem.queries
