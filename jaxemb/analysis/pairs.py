"""What is wrong with a set of pairs: copies, answers that nobody marked, pairs that do not belong."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxemb.config import UsageError
from jaxemb.data import lexical_overlap
from jaxemb.data.duplicates import near_copies
from jaxemb.vectors import Ranked, ranked

RANKS = (1, 2, 10, 100)


class PairAudit(NamedTuple):
    """Counts and shares of a set of pairs; a share is of the pairs unless it says otherwise.

    Attributes:
        pairs: how many there are.
        queries, positives: different texts, case and spacing aside.
        repeated: pairs whose two texts both stood in an earlier pair.
        near_copies: of the different positives, those that share most word runs with an earlier one.
        several_answers: of the different queries, those with several positives.
        overlap: mean share of a query's words that its positive has.
        words: the 5th, 50th and 95th percentile of the words of queries, and of positives.
        within: rank to the share of pairs whose positive is at least that high for its query.
        unmarked: pairs that another text, no known answer, outscores: answers that nobody marked,
            or pairs that do not belong together.
        close: pairs for which another text has at least 95 % of the pair's score.
        edges: `[bins + 1]` of the scores' histograms.
        own: how many pairs' own scores fall into each bin.
        best_other: the same of the best other text of each pair.
    """

    pairs: int
    queries: int
    positives: int
    repeated: float
    near_copies: float
    several_answers: float
    overlap: float
    words: dict[str, tuple[float, float, float]]
    within: dict[int, float]
    unmarked: float
    close: float
    edges: Float[np.ndarray, " edges"]
    own: Int[np.ndarray, " bins"]
    best_other: Int[np.ndarray, " bins"]


def audit_pairs(
    examples: Sequence[dict[str, Any]], searcher: Any, *, bins: int = 20, pool: int = 10_000
) -> PairAudit:
    """Counts copies, and asks a model how well the pairs of a dataset belong together.

    Args:
        examples: of `Pairs(...).examples()`, with ids of texts.
        searcher: has `index`, as `Model` and `EmbeddingStore`.
        bins: of the histograms.
        pool: a query is ranked against the positives of so many pairs, drawn at random.

    Raises:
        UsageError: there is no example, or one has no ids of texts.

    Example:
        >>> audit_pairs(Pairs().examples(), model).within[1]  # doctest: +SKIP
        0.42
    """
    if not examples or not {"query_id", "positive_id"} <= examples[0].keys():
        raise UsageError(
            "An audit needs examples with query_id and positive_id, as Pairs gives them."
        )
    drawn = np.random.default_rng(0).permutation(len(examples))[:pool].tolist()
    found = ranked(examples, searcher, max(RANKS), None if pool >= len(examples) else drawn)
    answers: dict[int, set[int]] = {}
    for example in examples:
        answers.setdefault(example["query_id"], set()).add(example["positive_id"])
    texts = {example["positive_id"]: example["positive"] for example in examples}
    links = sum(map(len, answers.values()))
    copies = {later for _, later in near_copies(list(texts.values()))}
    return PairAudit(
        pairs=len(examples),
        queries=len(answers),
        positives=len(texts),
        repeated=1 - links / len(examples),
        near_copies=len(copies) / len(texts),
        several_answers=float(np.mean([len(own) > 1 for own in answers.values()])),
        overlap=lexical_overlap(examples),
        words={role: _lengths(examples, role) for role in ("query", "positive")},
        within={rank: float(np.mean(found.rank <= rank)) for rank in RANKS},
        **_scores(found, bins),
    )


def _lengths(examples: Sequence[dict[str, Any]], role: str) -> tuple[float, float, float]:
    counts = [len(example[role].split()) for example in examples]
    return tuple(np.percentile(counts, (5, 50, 95)).tolist())


def _scores(found: Ranked, bins: int) -> dict[str, Any]:
    best = found.scores[:, 0]
    there = best[np.isfinite(best)]
    every = np.concatenate([found.own, there])
    edges = np.linspace(every.min(), every.max(), bins + 1)
    return {
        "unmarked": float(np.mean(best > found.own)),
        "close": float(np.mean(best >= 0.95 * found.own)),
        "edges": edges,
        "own": np.histogram(found.own, edges)[0],
        "best_other": np.histogram(there, edges)[0],
    }
