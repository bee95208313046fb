"""Documents to vectors in ways that are simple enough to bound how far a changed word moves them.

A vectorizer is fitted on token ids. What it gives maps documents of one length to vectors, and
knows an upper bound on the distance between two documents' vectors from their Hamming distance
`d_H`, the number of positions at which they differ.
"""

import abc
import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64, Int

from jaxemb.config import Part
from jaxemb.statistics.similarities import unit_rows

Ids = Int[np.ndarray, "texts tokens"]
Sequences = Sequence[Int[np.ndarray, "_"]]


class FittedVectorizer(abc.ABC):
    """Documents of one length to vectors, with a bound on how far apart two of them can be."""

    @abc.abstractmethod
    def __call__(self, ids: Ids) -> Float[np.ndarray, "texts width"]:
        """The vector of every row of token ids."""

    @abc.abstractmethod
    def bound(self, first: Ids, second: Ids) -> Float64[np.ndarray, " texts"]:
        """What ‖φ(first_i) - φ(second_i)‖ cannot exceed, from where the two rows differ."""

    def least_norm(self, ids: Ids) -> Float64[np.ndarray, " texts"]:
        """What ‖φ(ids_i)‖ cannot fall below; 0 where nothing better is known."""
        return np.zeros(len(ids))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vectorizer(Part, abc.ABC):
    """Slot: a way of turning documents into vectors that has an analytic bound."""

    @abc.abstractmethod
    def fit(self, sequences: Sequences, vocabulary: int) -> FittedVectorizer:
        """Fitted on documents, one array of ids in `[0, vocabulary)` each."""


def hamming(first: Ids, second: Ids) -> Int[np.ndarray, " texts"]:
    """`d_H`: the number of positions at which two documents differ.

    Example:
        >>> hamming(np.array([[1, 2, 3]]), np.array([[1, 5, 4]])).tolist()
        [2]
    """
    return np.sum(first != second, axis=1)


def diameter(rows: Float[np.ndarray, "rows width"]) -> float:
    """The largest distance between two rows, `max_{i,j} ‖r_i - r_j‖`.

    Example:
        >>> diameter(np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]]))
        5.0
    """
    rows = np.asarray(rows, np.float64)
    squares = np.sum(rows**2, axis=1)
    apart = max(
        np.max(squares + square - 2 * rows @ row) for row, square in zip(rows, squares, strict=True)
    )
    return float(np.sqrt(max(apart, 0.0)))


# --- one token after the other


@dataclasses.dataclass(frozen=True, kw_only=True)
class Concatenation(Vectorizer):
    """The vectors of a document's tokens, one after the other.

        φ(x) = [E_{x_1}; ...; E_{x_T}],   ‖φ(x) - φ(x')‖ ≤ max_{i,j} ‖E_i - E_j‖ √d_H

    `E` holds the PPMI-SVD vectors of width `width` of the texts that it is fitted on, counted over
    `window` tokens to either side and scaled to root mean square 1.

    Reference: On the Robustness of Text Vectorizers, arXiv:2303.07203.

    Example:
        >>> fitted = Concatenation(width=2).fit([np.array([1, 2, 1, 3])], vocabulary=4)
        >>> fitted(np.array([[1, 2, 3]])).shape
        (1, 6)
    """

    width: int = 50
    window: int = 5

    def fit(self, sequences: Sequences, vocabulary: int) -> "TokenVectors":
        from jaxemb.fitting.counts import PPMISVD, SPECIAL, cooccurrences, factors, unit_rows

        # The counts leave out the first ids, which are marks in a tokenizer's vocabulary.
        shifted = [np.asarray(sequence) + SPECIAL for sequence in sequences]
        counts = cooccurrences(shifted, vocabulary + SPECIAL, self.window)
        table = factors(PPMISVD().information(counts), self.width, 0.0)
        return TokenVectors(unit_rows(table)[SPECIAL:])


class TokenVectors(FittedVectorizer):
    """`Concatenation` over one table of token vectors."""

    def __init__(self, table: Float[np.ndarray, "vocabulary width"]):
        self.table = table
        self.diameter = diameter(table)

    def __call__(self, ids: Ids) -> Float[np.ndarray, "texts width"]:
        return self.table[ids].reshape(len(ids), -1)

    def bound(self, first: Ids, second: Ids) -> Float64[np.ndarray, " texts"]:
        return self.diameter * np.sqrt(hamming(first, second))


# --- counts


@dataclasses.dataclass(frozen=True, kw_only=True)
class TFIDF(Vectorizer):
    """How often each term stands in the document, times its inverse document frequency.

        φ(x)_w = n_w(x) idf_w,   idf_w = ln((1 + N) / (1 + N_w)) + 1
        ‖φ(x) - φ(x')‖ ≤ √2 max_w idf_w · d_H

    with `N` documents in all and `N_w` that hold `w`: a replaced token takes one from a count and
    adds one to another. `UnitLength(inner=TFIDF())` is the normalised form.

    Reference: On the Robustness of Text Vectorizers, arXiv:2303.07203; the weights are
    sklearn.feature_extraction.text.TfidfTransformer(norm=None).

    Example:
        >>> fitted = TFIDF().fit([np.array([0, 1]), np.array([1, 1])], vocabulary=2)
        >>> fitted(np.array([[1, 1]])).tolist()
        [[0.0, 2.0]]
    """

    def fit(self, sequences: Sequences, vocabulary: int) -> "WeightedCounts":
        holding = np.zeros(vocabulary)
        for sequence in sequences:
            holding[np.unique(sequence)] += 1
        return WeightedCounts(np.log((1 + len(sequences)) / (1 + holding)) + 1)


class WeightedCounts(FittedVectorizer):
    """`TFIDF` with its weights, `idf [vocabulary]`."""

    def __init__(self, idf: Float64[np.ndarray, " vocabulary"]):
        self.idf = idf

    def __call__(self, ids: Ids) -> Float[np.ndarray, "texts width"]:
        return counts(ids, len(self.idf)) * self.idf

    def bound(self, first: Ids, second: Ids) -> Float64[np.ndarray, " texts"]:
        return np.sqrt(2) * self.idf.max() * hamming(first, second)

    def least_norm(self, ids: Ids) -> Float64[np.ndarray, " texts"]:
        """`min_w idf_w · T / √n`: T tokens over n distinct terms weigh least when spread evenly."""
        distinct = np.sum(np.diff(np.sort(ids, axis=1), axis=1) > 0, axis=1) + 1
        return self.idf.min() * ids.shape[1] / np.sqrt(distinct)


def counts(ids: Ids, vocabulary: int) -> Float64[np.ndarray, "texts vocabulary"]:
    """How often each token stands in each row.

    Example:
        >>> counts(np.array([[0, 2, 2]]), 3).tolist()
        [[1.0, 0.0, 2.0]]
    """
    found = np.zeros((len(ids), vocabulary))
    np.add.at(found, (np.arange(len(ids))[:, None], ids), 1.0)
    return found


# --- any of them, scaled


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnitLength(Vectorizer):
    """Another vectorizer's vectors, scaled to unit length.

        ‖φ/‖φ‖ - φ'/‖φ'‖‖ ≤ 2 ‖φ - φ'‖ / (‖φ‖ + ‖φ'‖),   and never more than 2

    with the inner bound above the line and the least norms that the inner vectorizer vouches for
    below it. For TF-IDF that is `√2 (max idf / min idf) √n · d_H / T`, with `n` distinct terms.

    Reference: On the Robustness of Text Vectorizers, arXiv:2303.07203; Dunkl and Williams, A Simple
    Norm Inequality, 1964, for the first line.

    Example:
        >>> fitted = UnitLength(inner=TFIDF()).fit([np.array([0, 1])], vocabulary=2)
        >>> fitted(np.array([[1, 1]])).tolist()
        [[0.0, 1.0]]
    """

    inner: Vectorizer

    def fit(self, sequences: Sequences, vocabulary: int) -> "Scaled":
        return Scaled(self.inner.fit(sequences, vocabulary))


class Scaled(FittedVectorizer):
    """`UnitLength` over a fitted vectorizer; a vector of zeros stays so."""

    def __init__(self, inner: FittedVectorizer):
        self.inner = inner

    def __call__(self, ids: Ids) -> Float[np.ndarray, "texts width"]:
        return unit_rows(self.inner(ids))

    def bound(self, first: Ids, second: Ids) -> Float64[np.ndarray, " texts"]:
        inner = self.inner.bound(first, second)
        norms = self.inner.least_norm(first) + self.inner.least_norm(second)
        scaled = np.divide(2 * inner, norms, out=np.full(len(inner), 2.0), where=norms > 0)
        return np.where(inner > 0, np.minimum(scaled, 2.0), 0.0)

    def least_norm(self, ids: Ids) -> Float64[np.ndarray, " texts"]:
        return np.minimum(self.inner.least_norm(ids), 1.0)
