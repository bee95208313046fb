"""How a model ranks the texts of a dataset: for each pair, its own score and the best others."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxemb.losses import Embedded

Answers = Mapping[int, Sequence[Int[np.ndarray, " texts"]]]
"""For each query's number, the numbers of texts that are never its negatives, in a few arrays."""


class Ranked(NamedTuple):
    """What a model finds for the query of each example, its answers left out.

    Attributes:
        others: numbers of the candidates whose positives are most alike, best first; -1 where there
            are no more.
        scores: theirs; minus infinity where there are no more.
        own: the score of the example's own positive.
    """

    others: Int[np.ndarray, "examples depth"]
    scores: Float[np.ndarray, "examples depth"]
    own: Float[np.ndarray, " examples"]

    @property
    def rank(self) -> Int[np.ndarray, " examples"]:
        """The rank of the own positive among the others, from 1; at most `depth + 1`.

        Another text is ahead where its score is higher by more than rounding.
        """
        own = self.own[:, None]
        ahead = (self.scores > own) & ~np.isclose(self.scores, own, rtol=1e-5, atol=1e-6)
        return 1 + np.sum(ahead, axis=1)


def ranked(
    examples: Sequence[dict[str, Any]],
    searcher: Any,
    depth: int,
    pool: Sequence[int] | None = None,
    *,
    candidates: Sequence[dict[str, Any]] | None = None,
    answers: Answers | None = None,
) -> Ranked:
    """Searches for each query among the positives, and leaves out what is known to answer it.

    An answer is the query's own text, its positive, and the positive of every equal query.

    Args:
        examples: with `query`, `positive`, `query_id` and `positive_id`.
        searcher: has `index`, as `jaxemb.model.Model` and `jaxemb.vectors.EmbeddingStore`.
        depth: how many others of each query.
        pool: numbers of the examples whose positives are searched; by default all.
        candidates: the examples, and behind them more that have `positive` and `positive_id` alone.
        answers: what is left out; by default what is known to answer a query.
    """
    candidates = examples if candidates is None else candidates
    answers = known_answers(examples) if answers is None else answers
    first: dict[int, int] = {}
    for number, example in enumerate(candidates):
        first.setdefault(example["positive_id"], number)
    every = list(first.values())
    place = {text: n for n, text in enumerate(first)}
    index = searcher.index([candidates[number]["positive"] for number in every])
    asked = {example["query_id"]: example["query"] for example in examples}
    queries = index.encode(list(asked.values()))
    row = {query: n for n, query in enumerate(asked)}
    rows = np.array([row[example["query_id"]] for example in examples])
    own = np.array([place[example["positive_id"]] for example in examples])
    searched = np.arange(len(every)) if pool is None else _places(examples, pool, place)
    most = depth + max(sum(map(len, answers[query])) for query in asked)
    found, scores = index.similarity.top_k(queries, _some(index.vectors, searched), most)
    texts_of = np.array(list(first))[searched]
    others = np.full((len(row), depth), -1, np.int64)
    best = np.full((len(row), depth), -np.inf, np.float32)
    for query, n in row.items():
        keep = ~np.isin(texts_of[found[n]], np.concatenate(answers[query]))
        numbers = np.array(every)[searched[found[n][keep]]][:depth]
        others[n, : len(numbers)], best[n, : len(numbers)] = numbers, scores[n][keep][:depth]
    own_scores = _paired(index, queries, rows, own[:, None])[:, 0]
    return Ranked(others[rows], best[rows], own_scores)


def known_answers(examples: Sequence[dict[str, Any]]) -> Answers:
    """The query's own text, its positive, and the positive of every equal query."""
    answers: dict[int, set[int]] = {}
    for example in examples:
        answers.setdefault(example["query_id"], {example["query_id"]}).add(example["positive_id"])
    return {query: (np.array(list(own)),) for query, own in answers.items()}


def scores_of(
    examples: Sequence[dict[str, Any]],
    searcher: Any,
    numbers: Int[np.ndarray, "examples k"],
    candidates: Sequence[dict[str, Any]] | None = None,
) -> Float[np.ndarray, "examples k"]:
    """How alike each example's query and the positives of some candidates, by default examples, are."""
    candidates = examples if candidates is None else candidates
    every = list({example["positive"]: None for example in candidates})
    place = {text: n for n, text in enumerate(every)}
    of_example = np.array([place[example["positive"]] for example in candidates])
    index = searcher.index(every)
    queries = index.encode([example["query"] for example in examples])
    return _paired(index, queries, np.arange(len(examples)), of_example[numbers])


def _places(
    examples: Sequence[dict[str, Any]], pool: Sequence[int], place: dict[int, int]
) -> Int[np.ndarray, " pool"]:
    return np.unique([place[examples[number]["positive_id"]] for number in pool])


def _some(vectors: Any, places: np.ndarray) -> Any:
    if isinstance(vectors, np.ndarray):
        return vectors[places]
    return [vectors[place] for place in places.tolist()]


_ROWS = 4096  # pairs that are scored at once


def _paired(
    index: Any,
    queries: Any,
    rows: Int[np.ndarray, " examples"],
    documents: Int[np.ndarray, "examples k"],
) -> Float[np.ndarray, "examples k"]:
    """The scores of each query with a few documents."""
    found = []
    for start in range(0, len(rows), _ROWS):
        here = slice(start, start + _ROWS)
        left = Embedded(np.asarray(queries)[rows[here]])
        right = Embedded(np.asarray(index.vectors)[documents[here]])
        found.append(np.asarray(index.similarity.paired(left, right)))
    return np.concatenate(found)
