"""Where in a text its vector comes from: edits at a place, and the weight of every sentence."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from jaxemb.config import UsageError


def inserted(words: list[str], needle: list[str], size: float, position: float) -> list[str]:
    """The words with the first `max(1, int(size · n))` words of the needle put in at `position`.

    Position 0 is before the first word, 1 after the last. Whole words only, so that no tokenizer
    which splits at spaces sees a word that was not there before. A short needle is repeated.

    Example:
        >>> inserted(["a", "b"], ["x", "y"], size=1.0, position=0.5)
        ['a', 'x', 'y', 'b']
    """
    count = max(1, int(size * len(words)))
    block = (needle * -(-count // len(needle)))[:count]
    place = int(position * len(words))
    return [*words[:place], *block, *words[place:]]


def removed(words: list[str], size: float, position: float) -> list[str]:
    """The words without `int(size · n)` of them from word `int(n (position - size · position))` on.

    Position 0 takes the head, 1 exactly the tail.

    Example:
        >>> removed(["a", "b", "c", "d"], size=0.5, position=1.0)
        ['a', 'b']
    """
    count = int(size * len(words))
    # Counted in whole words: rounding of size · position must not leave a word of the tail.
    start = int(position * (len(words) - count))
    return [*words[:start], *words[start + count :]]


class SentenceWeights(NamedTuple):
    """Coefficients of unit length, and the share of the document's squared length they explain."""

    coefficients: Float64[np.ndarray, " sentences"]
    explained: float


def sentence_weights(
    sentences: Float[np.ndarray, "sentences width"], document: Float[np.ndarray, " width"]
) -> SentenceWeights:
    """How much every sentence's vector weighs in the document's: least squares without intercept.

        β = argmin |d - Σ_k β_k s_k|²,  coefficients = β / |β|
        explained = 1 - |d - Σ_k β_k s_k|² / |d|²

    Raises:
        UsageError: if there are as many sentences as dimensions or more: then any document is a
            combination of any sentences, and the coefficients say nothing.

    Example:
        >>> found = sentence_weights(np.eye(2, 3), np.array([3.0, 4.0, 0.0]))
        >>> found.coefficients.tolist(), found.explained
        ([0.6, 0.8], 1.0)

    Reference: Quantifying Positional Biases in Text Embedding Models, arXiv:2412.15241.
    """
    count, width = sentences.shape
    if count >= width:
        raise UsageError(
            f"{count} sentences cannot be told apart in {width} dimensions; keep fewer sentences a "
            "document than the vectors have numbers"
        )
    columns, target = np.asarray(sentences, np.float64).T, np.asarray(document, np.float64)
    weights = np.linalg.lstsq(columns, target, rcond=None)[0]
    left = target - columns @ weights
    whole, length = target @ target, np.linalg.norm(weights)
    return SentenceWeights(
        coefficients=weights / length if length else weights,
        explained=float(1 - left @ left / whole) if whole else 0.0,
    )
