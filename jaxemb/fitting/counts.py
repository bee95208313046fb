"""Token tables from co-occurrence counts."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxemb.config import Above, AtLeast, UsageError
from jaxemb.fitting.estimator import Estimator
from jaxemb.fitting.sampling import at_most

if TYPE_CHECKING:
    import scipy.sparse

    import jaxemb.model

SPECIAL = 5  # padding, unknown, and the marks around a text come first in every vocabulary


@dataclasses.dataclass(frozen=True, kw_only=True)
class PPMISVD(Estimator):
    """Sets the token table to the leading directions of a positive pointwise information matrix.

    `M[i, j] = max(0, log(n_ij n / (n_i n_j^α)) - log k)` over tokens within `window` of each other,
    with context counts smoothed to the power `α`. From `M ≈ U S Vᵀ`, a token's row is the direction
    of `U S^p`, of root mean square 1, times `a / (a + f)` where `f` is the token's share of the text:
    in a mean over tokens the rare ones then decide. Tokens that never occur, and the special ones,
    get zeros. Of more than 262,144 texts, evenly spaced ones are counted, 131,073 to 262,144 of them.

    Attributes:
        window: tokens to either side that count as context; a pair at distance `d` weighs `1/d`.
        smoothing: `α`.
        shift: `k`, the number of negative samples that the information is shifted by.
        power: `p`, of the singular values.
        rarity: `a`; None leaves every row at the same size.

    Raises:
        UsageError: if the texts hold no two neighbouring tokens, or the model has no token table.

    Reference: Levy, Goldberg and Dagan, Improving Distributional Similarity with Lessons Learned
    from Word Embeddings, TACL 2015; the weights are those of Arora, Liang and Ma, A Simple but
    Tough-to-Beat Baseline for Sentence Embeddings, ICLR 2017.
    """

    reads: ClassVar[tuple[str, ...]] = ("text", "tokens", "encoder.width")
    window: Annotated[int, AtLeast(1)] = 10
    smoothing: Annotated[float, AtLeast(0)] = 0.75
    shift: Annotated[float, Above(0)] = 1.0
    power: float = 0.0
    rarity: Annotated[float, Above(0)] | None = 1e-3

    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        table = plain_table(model.params["tokens"])
        if table is None or model.tokenizer is None:
            raise UsageError("PPMISVD needs a TokenTable and a fitted tokenizer before it.")
        vocabulary, width = table.shape
        sequences = model.tokenizer.encode(at_most(texts))
        counts = cooccurrences(sequences, vocabulary, self.window)
        rows = unit_rows(factors(self.information(counts), width, self.power))
        if self.rarity is not None:
            share = frequencies(sequences, vocabulary)[:, None]
            rows = rows * (self.rarity / (self.rarity + share))
        fitted = with_table(model.params["tokens"], jnp.asarray(rows, jnp.float32))
        return dataclasses.replace(model, params={**model.params, "tokens": fitted})

    def information(self, counts: "scipy.sparse.csr_array") -> "scipy.sparse.csr_array":
        """Counts to shifted positive pointwise mutual information, both `[vocabulary, vocabulary]`."""
        if counts.nnz == 0:
            raise UsageError("The texts hold no two neighbouring tokens to count.")
        row = np.asarray(counts.sum(axis=1)).ravel()
        context = np.asarray(counts.sum(axis=0)).ravel() ** self.smoothing
        result = counts.tocoo()
        expected = row[result.row] * (context / context.sum())[result.col]
        values = np.log(result.data / expected) - np.log(self.shift)
        result.data = np.maximum(values, 0.0).astype(np.float32)
        result = result.tocsr()
        result.eliminate_zeros()
        return result


def plain_table(tokens: Mapping[str, Any]) -> Array | None:
    """The rows of a `TokenTable`, which may stand in the slot `inner` of other token embeddings.

    Example:
        >>> plain_table({"table": None, "inner": {"embedding": jnp.array([[7.0]])}}).tolist()
        [[7.0]]
    """
    if "embedding" in tokens:
        return tokens["embedding"]
    return plain_table(tokens["inner"]) if "inner" in tokens else None


def with_table(tokens: Mapping[str, Any], rows: Array) -> dict[str, Any]:
    """The parameters with other rows in the place of those that `plain_table` finds.

    Example:
        >>> before = {"inner": {"embedding": jnp.array([[7.0]])}}
        >>> with_table(before, jnp.array([[8.0]]))["inner"]["embedding"].tolist()
        [[8.0]]
    """
    if "embedding" in tokens:
        return {**tokens, "embedding": rows}
    return {**tokens, "inner": with_table(tokens["inner"], rows)}


def cooccurrences(
    sequences: Sequence[Int[np.ndarray, "_"]], vocabulary: int, window: int
) -> "scipy.sparse.csr_array":
    """Symmetric counts `[vocabulary, vocabulary]` of pairs up to `window` apart, weighted `1/d`.

    Special tokens are taken out first; no pair spans two texts.
    """
    from scipy.sparse import csr_array

    lengths = [len(sequence) for sequence in sequences]
    ids = np.concatenate([*sequences, np.zeros(0, np.int32)]).astype(np.int64)
    text = np.repeat(np.arange(len(lengths)), lengths)
    real = ids >= SPECIAL
    ids, text = ids[real], text[real]
    counts = csr_array((vocabulary, vocabulary), dtype=np.float64)
    for distance in range(1, min(window, max(len(ids) - 1, 0)) + 1):
        together = text[:-distance] == text[distance:]
        pairs = ids[:-distance][together], ids[distance:][together]
        weights = np.full(len(pairs[0]), 1.0 / distance)
        counts = counts + csr_array((weights, pairs), shape=counts.shape)
    return counts + counts.T.tocsr()


def factors(
    matrix: "scipy.sparse.csr_array", width: int, power: float
) -> Float[np.ndarray, "vocabulary {width}"]:
    """`U S^power` of the `width` leading singular vectors, with signs fixed; zeros beyond the rank."""
    from sklearn.utils.extmath import randomized_svd

    kept = min(width, min(matrix.shape))
    u, s, _ = randomized_svd(matrix, kept, n_oversamples=16, n_iter=4, random_state=0)
    rows = np.zeros((matrix.shape[0], width), np.float32)
    rows[:, :kept] = np.where(s > 1e-6 * s[0], u * s**power, 0.0)
    # What stands for an empty row is rounding, which scaling rows to one size would blow up.
    rows[np.diff(matrix.indptr) == 0] = 0.0
    return rows


def unit_rows(
    rows: Float[np.ndarray, "vocabulary width"],
) -> Float[np.ndarray, "vocabulary width"]:
    """Each row divided by its root mean square; zeros stay zeros."""
    size = np.sqrt(np.mean(np.square(rows), axis=1, keepdims=True))
    return rows / np.where(size > 0, size, 1.0)


def frequencies(
    sequences: Sequence[Int[np.ndarray, "_"]], vocabulary: int
) -> Float[np.ndarray, " vocabulary"]:
    """Each token's share of all ordinary tokens; 0 for the special ones."""
    ids = np.concatenate([*sequences, np.zeros(0, np.int32)]).astype(np.int64)
    counts = np.bincount(ids[ids >= SPECIAL], minlength=vocabulary).astype(np.float64)
    return counts / max(counts.sum(), 1.0)
