"""The made retrieval sets keep their promises, and recall counts ties against the ranker."""

import dataclasses
import math
import re
from collections import Counter

import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.evaluation import (
    AttributeSearch,
    CycleSets,
    DenseSets,
    DisjointSets,
    RandomSets,
    Recall,
    evaluate,
    evaluate_run,
)
from jaxemb.evaluation.problems import RetrievalProblem
from jaxemb.retrieval import BM25
from jaxemb.study.controls import RandomVectors
from tests.evaluation.conftest import SmallDocs

PATTERNS = (DenseSets(), RandomSets(), CycleSets(), DisjointSets())


@dataclasses.dataclass(frozen=True, kw_only=True)
class ManyWords(SmallDocs):
    """Summaries of words that are all letters: 800 different ones after the function words."""

    words: int = 900

    def records(self, split: str) -> list[dict]:
        letters = "abcdefghij"
        spelled = ["".join(letters[int(d)] for d in f"{n:04d}") for n in range(self.words)]
        return [{"summary": f"{word} is like {n}"} for n, word in enumerate(spelled)]


def search(**changes) -> AttributeSearch:
    options = {"queries": 60, "documents": 130, "attributes": 14, "source": ManyWords()}
    return AttributeSearch(**(options | changes))


def liked(document: str) -> list[str]:
    name, list_of = re.fullmatch(r"([A-Z][a-z]+) likes (.*)\.", document).groups()
    return list_of.replace(" and ", ", ").split(", ")


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("size", [2, 3])
def test_exactly_the_relevant_documents_like_what_is_asked_for(pattern, size):
    data = search(pattern=pattern, size=size, queries=40, attributes=18)
    problem = data.load()
    likes = [liked(document) for document in problem.documents]
    assert len(problem.queries) == len(set(problem.queries)) == 40
    assert len(likes) == len(set(problem.documents)) == 130
    assert all(len(own) == len(set(own)) == 18 for own in likes)
    for query, relevant in zip(problem.queries, problem.relevant, strict=True):
        attribute = re.fullmatch(r"Who likes (\w+)\?", query)[1]
        holders = {number for number, own in enumerate(likes) if attribute in own}
        assert holders == set(relevant) and len(relevant) == size
    assert len({frozenset(relevant) for relevant in problem.relevant}) == 40


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: type(p).__name__)
def test_patterns_share_out_the_documents_as_they_say(pattern):
    sets = [tuple(one) for one in search(pattern=pattern).load().relevant]
    degrees = Counter(document for one in sets for document in one)
    if pattern == DenseSets():
        assert len(degrees) == 12 == min(n for n in range(99) if math.comb(n, 2) >= 60)
    elif pattern == CycleSets():
        assert set(degrees.values()) == {2} and len(degrees) == 60
    elif pattern == DisjointSets():
        assert set(degrees.values()) == {1} and len(degrees) == 120
    else:
        assert len(degrees) > 60 and max(degrees.values()) > 2


def test_patterns_differ_in_nothing_but_who_likes_what():
    first, *others = (search(pattern=pattern).load() for pattern in PATTERNS)
    for other in others:
        assert other.queries == first.queries
        names = [[d.split()[0] for d in one.documents] for one in (first, other)]
        assert names[0] == names[1]
        assert other.relevant != first.relevant
        asked = {query[len("Who likes ") : -1] for query in first.queries}
        for one, same in zip(first.documents, other.documents, strict=True):
            fill = [set(liked(document)) - asked for document in (one, same)]
            assert fill[0] <= fill[1] or fill[1] <= fill[0]


def test_a_seed_settles_the_problem():
    first, again, other = search().load(), search(seed=0).load(), search(seed=1).load()
    assert first.queries == again.queries and first.documents == again.documents
    assert first.documents != other.documents
    assert search().fingerprint() != search(seed=1).fingerprint()
    assert from_json(to_json(search(source=SmallDocs()))) == search(source=SmallDocs())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pattern": DisjointSets(), "documents": 119}, "DisjointSets has no 60"),
        ({"pattern": CycleSets(), "documents": 59}, "CycleSets"),
        ({"pattern": RandomSets(), "documents": 11}, "RandomSets"),
        ({"documents": 11}, "DenseSets has no 60 different sets of 11 documents"),
        ({"attributes": 9}, "is in 1[01] sets, and a document has 9"),
        ({"source": ManyWords(words=100)}, "need 74 words, and the source has"),
    ],
)
def test_what_cannot_be_made_is_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        search(**changes).load()


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: type(p).__name__)
def test_words_solve_every_pattern_and_random_vectors_none(pattern):
    task = Recall(name="limit", data=search(pattern=pattern))
    assert evaluate_run(BM25(), [task])["limit"].metrics["recall@2"] == 1.0
    chance = RandomVectors().score(None, [task])["limit"].metrics
    assert chance["recall@20"] == pytest.approx(20 / 130, abs=0.12)
    assert chance["recall@2"] <= chance["recall@10"] <= chance["recall@20"]


# --- recall


def brute_force(relevant, scores, k):
    """Every document against every other, in one long list."""
    found = 0
    for one in relevant:
        before = sum(
            scores[d] > scores[one] or (scores[d] == scores[one] and (d not in relevant or d < one))
            for d in range(len(scores)) if d != one
        )  # fmt: skip
        found += before < k
    return found / len(relevant)


class Fixed:
    """A searcher with given scores, ties by number."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, np.float32)

    def index(self, documents):
        return Fixed(self.scores[:, ::-1])  # a task gives the last document first

    def search(self, queries, k):
        ids = np.argsort(-self.scores, axis=1, kind="stable")[:, :k].astype(np.int32)
        return ids, np.take_along_axis(self.scores, ids, axis=1)


def test_recall_is_that_of_counting_all_documents_with_ties(monkeypatch):
    rng = np.random.default_rng(11)
    scores = rng.integers(0, 6, (40, 25)).astype(np.float32)
    relevant = [
        dict.fromkeys(rng.choice(25, rng.integers(1, 4), False).tolist(), 1) for _ in scores
    ]
    problem = RetrievalProblem(
        queries=[str(n) for n in range(40)], documents=[str(n) for n in range(25)],
        relevant=relevant, clusters=np.arange(40, dtype=np.int32),
    )  # fmt: skip
    task = Recall(data=search(), cutoffs=(1, 2, 10))
    monkeypatch.setattr(AttributeSearch, "load", lambda self: problem)
    result = task.score_run(Fixed(scores))
    for k in (1, 2, 10):
        expected = [brute_force(set(r), s, k) for r, s in zip(relevant, scores, strict=True)]
        np.testing.assert_allclose(result.examples[f"recall@{k}"], expected)
        assert result.metrics[f"recall@{k}"] == pytest.approx(np.mean(expected))
        places = [min(k, len(r)) / len(r) for r in relevant]
        assert np.all(result.examples[f"recall@{k}"] <= np.array(places) + 1e-9), "k places hold k"
    assert task.score_run(Fixed(np.zeros((40, 25)))).metrics["recall@10"] == 0.0


def test_recall_of_vectors_does_not_change_with_rotation_and_length():
    task = Recall(data=search())
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(128, 128)))[0].astype(np.float32)
    plain = RandomVectors()
    whole = evaluate(plain._embed, [task])["recall"]
    turned = evaluate(lambda texts, role: 3 * plain._embed(texts, role) @ turn, [task])["recall"]
    assert whole.metrics == turned.metrics
    oracle = np.eye(130, dtype=np.float32)
    problem = task.data.load()

    def knows(texts, role):
        if role == "document":
            return oracle[[problem.documents.index(text) for text in texts]]
        return np.stack([oracle[list(relevant)].sum(axis=0) for relevant in problem.relevant])

    assert set(task.run(knows).metrics.values()) == {1.0}


def test_relevant_documents_that_tie_do_not_share_a_place(monkeypatch):
    problem = RetrievalProblem(
        queries=["q"], documents=list("abcdef"), relevant=[{0: 1, 2: 1, 5: 1}],
        clusters=np.zeros(1, np.int32),
    )  # fmt: skip
    monkeypatch.setattr(AttributeSearch, "load", lambda self: problem)
    found = Recall(data=search(), cutoffs=(1, 2, 3)).score_run(Fixed([[2, 0, 2, 0, 0, 2]]))
    assert list(found.metrics.values()) == pytest.approx([1 / 3, 2 / 3, 1])
