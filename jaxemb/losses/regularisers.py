"""Losses that shape the space otherwise: pairs, ranks, sparsity; added to another loss by `Sum`."""

import dataclasses
from typing import Annotated, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.losses.base import TINY, Columns, Loss, Term, column, row_weights
from jaxemb.losses.embedded import embedded
from jaxemb.losses.similarity import unit
from jaxemb.losses.spread import Regulariser, Texts, everywhere
from jaxemb.runtime import gather, mean


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alignment(Loss):
    r"""A pair's unit vectors should be close: $\lVert q_i - d_i \rVert^{\alpha}$.

    Args:
        power: $\alpha$.

    Raises:
        UsageError: `power` is below 1.

    Example:
        >>> columns = {"query": jnp.eye(2), "positive": jnp.eye(2)[::-1]}
        >>> Alignment()(columns, key=jax.random.key(0))["alignment"].value.tolist()
        [2.0, 2.0]

    Reference: Wang and Isola, Understanding Contrastive Representation Learning through Alignment
    and Uniformity on the Hypersphere, arXiv:2005.10242.
    """

    power: Annotated[float, AtLeast(1)] = 2.0

    needs: ClassVar[tuple[str, ...]] = ("query", "positive")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive")

    __post_init__ = check_ranges

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `alignment`."""
        query, positive = (unit(column(columns, name, "rows dim")) for name in self.vectors)
        square = jnp.sum((query - positive) ** 2, axis=1)
        apart = square != 0  # of NaN too, which must not pass for equal vectors
        value = jnp.where(apart, jnp.where(apart, square, 1.0) ** (self.power / 2), 0.0)
        return {"alignment": Term(value, row_weights(columns, len(value)))}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EffectiveRank(Regulariser):
    r"""The logarithm of how many directions the texts of a batch use, which is to become smaller.

    $$S = -\sum_j \lambda_j \log \lambda_j$$

    with the eigenvalues of $Z^\top Z / B$ for unit rows $Z$; $e^S$ is 1 where all texts are alike and
    $B$ where they are orthogonal. A negative weight in `Sum` makes the rank larger instead.

    Args:
        columns: which texts.

    Example:
        >>> columns = {"query": jnp.eye(4)}
        >>> EffectiveRank(columns=("query",))(columns, key=jax.random.key(0))["rank"].value[0].item()
        1.386...

    Reference: Jung et al., Unveiling Key Aspects of Fine-Tuning in Sentence Embeddings: A
    Representation Rank Analysis, arXiv:2405.11297.
    """

    columns: tuple[str, ...] = ("query",)

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `rank`."""
        found = self.found(columns)
        value = sum(_entropy(texts, axis) for texts in found.values())
        return {"rank": everywhere(value, columns, next(iter(found.values())), len(found))}


def _entropy(texts: Texts, axis: str | None) -> Array:
    x, weight = gather(texts.vectors, axis), gather(texts.weight, axis)
    shares = weight / jnp.maximum(jnp.sum(weight), TINY)
    z = unit(x) * jnp.sqrt(shares)[:, None]
    # Both products have the same eigenvalues but for zeros: take the smaller.
    matrix = z @ z.T if z.shape[0] < z.shape[1] else z.T @ z
    values = jnp.linalg.eigvalsh(matrix)
    # Rounding makes eigenvalues of 0 negative or tiny; their share of the entropy is 0.
    counts = ~(values <= 1e-7)  # NaN counts, so that it is seen
    safe = jnp.where(counts, values, 1.0)
    return -jnp.sum(jnp.where(counts, values * jnp.log(safe), 0.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flops(Regulariser):
    r"""How many multiplications a search costs, made smooth.

    $$\sum_j \Big( \frac{1}{B} \sum_i |x_{ij}| \Big)^2$$

    for sparse vectors, over all texts of the columns together. Queries and documents have weights
    of their own as two losses of a `Sum`.

    Args:
        columns: which texts.
        spares: texts with at most so many numbers that are not 0 count as empty.

    Raises:
        UsageError: `spares` is negative.

    Example:
        >>> columns = {"query": jnp.array([[1.0, 0.0], [3.0, 0.0]])}
        >>> Flops(columns=("query",))(columns, key=jax.random.key(0))["flops"].value.tolist()
        [4.0, 4.0]

    Reference: Paria et al., Minimizing FLOPs to Learn Efficient Sparse Representations,
    arXiv:2004.05665; Formal et al., SPLADE, arXiv:2107.05720.
    """

    columns: tuple[str, ...] = ("positive", "negatives")
    spares: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spares < 0:
            raise UsageError(f"spares={self.spares} must not be negative.")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `flops`."""
        found = self.found(columns)
        sums = [self._sum(texts) for texts in found.values()]
        counts = mean(sum(jnp.sum(texts.weight) for texts in found.values()), axis)
        average = mean(sum(sums), axis) / jnp.maximum(counts, TINY)
        texts = next(iter(found.values()))
        return {"flops": everywhere(jnp.sum(average**2), columns, texts, 1)}

    def _sum(self, texts: Texts) -> Array:
        full = jnp.sum(texts.vectors != 0, axis=1) > self.spares
        return (texts.weight * full) @ jnp.abs(texts.vectors)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SquaredNorm(Regulariser):
    r"""Vectors should be short: the mean of $\frac12 \lVert x \rVert^2$, a term for each column.

    Args:
        columns: which texts.

    Example:
        >>> columns = {"query": jnp.array([[3.0, 4.0]])}
        >>> SquaredNorm(columns=("query",))(columns, key=jax.random.key(0))["query"].value.tolist()
        [12.5]
    """

    columns: tuple[str, ...] = ("query", "positive")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """A term for each column; the loss is their sum."""
        return {name: self._term(columns, t) for name, t in self.found(columns).items()}

    def _term(self, columns: Columns, texts: Texts) -> Term:
        halves = jnp.sum(texts.vectors**2, axis=1) / 2 * (texts.weight > 0)
        value, count = (
            jnp.sum(x.reshape(texts.rows, -1), axis=1) for x in (halves, texts.weight > 0)
        )
        return Term(value / jnp.maximum(count, 1), row_weights(columns, texts.rows) * count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnQuery(Loss):
    r"""A hard negative stays close to the query that it does answer: the mean of $1 - s(n_j, q^*_j)$.

    $(1 - \lambda)$ InfoNCE and $\lambda$ times this is the contrastive learning penalty.

    Columns: `negatives` `[rows, k, dim]` and `negatives_query` `[rows, k, dim]`, the queries that
    they answer.

    Example:
        >>> Sum(losses=(InfoNCE(temperature=0.02), OwnQuery()), weights=(0.9, 0.1))

    Reference: Yu et al., Efficient fine-tuning methodology of text embedding models for information
    retrieval: contrastive learning penalty, arXiv:2412.17364 (as its code computes it).
    """

    needs: ClassVar[tuple[str, ...]] = ("negatives", "negatives_query")
    vectors: ClassVar[tuple[str, ...]] = ("negatives", "negatives_query")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `own_query`."""
        shape = "rows negatives dim"
        negatives, queries = (unit(column(columns, name, shape)) for name in self.vectors)
        real = jnp.ones(negatives.shape[:2], bool)
        for name in self.vectors:
            there = embedded(columns[name]).real
            real = real if there is None else real & there
        count = jnp.sum(real, axis=1)
        apart = jnp.where(real, 1 - jnp.sum(negatives * queries, axis=-1), 0.0)
        value = jnp.sum(apart, axis=1) / jnp.maximum(count, 1)
        return {"own_query": Term(value, row_weights(columns, len(value)) * (count > 0))}
