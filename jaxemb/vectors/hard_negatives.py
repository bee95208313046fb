"""A search for hard negatives: the best ranked that are eligible, and others where these are too few."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxemb.config import UsageError
from jaxemb.vectors.exclusions import Exclusion, KnownAnswers
from jaxemb.vectors.looks import BySearch, Look, Rescored, ScorePairs
from jaxemb.vectors.negatives import Eligible, Hardest, Ranks, Taking

Examples = Sequence[dict[str, Any]]
_ANY, _HARDEST, _KNOWN = Ranks(), Hardest(), KnownAnswers()


class Found(NamedTuple):
    """Negatives of each example, and how many examples had too few that were eligible.

    Attributes:
        numbers: of the candidates whose positives they are.
        short: examples for which some were drawn at random.
    """

    numbers: Int[np.ndarray, "examples count"]
    short: int


def mine(
    examples: Examples,
    searcher: Any,
    count: int,
    *,
    score: ScorePairs | None = None,
    **how: Any,
) -> Found:
    """For each example, the numbers of the examples whose positives are its hard negatives.

    Args:
        examples: with `query`, `positive`, `query_id` and `positive_id`.
        searcher: has `index`, as `jaxemb.model.Model`.
        count: how many.
        score: a function of queries and texts, such as a cross-encoder, that ranks anew what was
            found.
        how: `eligible`, `take`, `depth`, `seed`, `candidates` and `excluded`, as in `negatives_of`.

    Raises:
        UsageError: an example has fewer than `count` candidates that are no answer of it.
    """
    look: Look = BySearch(searcher)
    return negatives_of(examples, look if score is None else Rescored(look, score), count, **how)


def negatives_of(
    examples: Examples,
    look: Look,
    count: int,
    *,
    eligible: Eligible = _ANY,
    take: Taking = _HARDEST,
    depth: int = 100,
    seed: int = 0,
    candidates: Examples | None = None,
    excluded: Exclusion = _KNOWN,
) -> Found:
    """For each example, the numbers of the candidates that are its hard negatives, by one look.

    Args:
        examples: with `query`, `positive`, `query_id` and `positive_id`.
        look: ranks them.
        count: how many.
        eligible: which of the ranked may be taken.
        take: which of these are.
        depth: how many are ranked; at least `count`.
        seed: of what is drawn.
        candidates: the examples, and behind them more that have `positive` and `positive_id` alone.
        excluded: which are never taken.

    Raises:
        UsageError: an example has fewer than `count` candidates that are no answer of it.
    """
    draw = np.random.default_rng(seed)
    candidates = examples if candidates is None else candidates
    never = excluded(examples, candidates)
    found = look.ranked(examples, max(depth, count), candidates=candidates, answers=never)
    numbers = take(found, eligible(found), count, draw)
    short = np.flatnonzero((numbers < 0).any(axis=1))
    texts = np.array([candidate["positive_id"] for candidate in candidates])
    for row in short.tolist():
        known = {*np.concatenate(never[examples[row]["query_id"]]).tolist()}
        numbers[row] = _filled(numbers[row], texts, known, draw, row)
    return Found(numbers.astype(np.int32), len(short))


def _filled(
    numbers: Int[np.ndarray, " count"],
    texts: Int[np.ndarray, " candidates"],
    known: set[int],
    draw: np.random.Generator,
    row: int,
) -> Int[np.ndarray, " count"]:
    """What is missing drawn at random, no answer and no text twice."""
    kept = numbers[numbers >= 0].tolist()
    out = known | {int(texts[number]) for number in kept}
    for number in draw.permutation(len(texts)).tolist():
        if len(kept) == len(numbers):
            break
        if int(texts[number]) not in out:
            kept.append(number)
            out.add(int(texts[number]))
    if len(kept) < len(numbers):
        raise UsageError(
            f"Example {row} has fewer than {len(numbers)} texts that are no answer of it."
        )
    return np.array(kept)


def with_negatives(
    example: dict[str, Any], candidates: Examples, numbers: Sequence[int]
) -> dict[str, Any]:
    """An example with the positives of some candidates as its negatives."""
    others = [candidates[number] for number in numbers]
    return {
        **example,
        "negatives": tuple(other["positive"] for other in others),
        "negatives_id": tuple(other["positive_id"] for other in others),
    }
