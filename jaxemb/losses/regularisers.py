"""Losses that shape the space instead of answering a question; added to another loss by `Sum`."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Key

from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.losses.base import Columns, Loss, Term, column, row_weights
from jaxemb.losses.embedded import embedded
from jaxemb.losses.similarity import Cosine, Similarity, unit
from jaxemb.runtime import gather, mean, own_rows

LOWEST = jnp.finfo(jnp.float32).min
TINY = jnp.finfo(jnp.float32).tiny


class Texts(NamedTuple):
    """A column's vectors, one below the other, and the weight of each."""

    vectors: Float32[Array, "n dim"]
    weight: Float32[Array, " n"]
    rows: int


class Regulariser(Loss):
    """Base of losses over the vectors of some columns, each column by itself.

    Attributes:
        columns: which; those that the batch lacks are passed over, but one must be there.
    """

    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.columns:
            raise UsageError(f"{type(self).__name__} needs at least one column.")

    @property
    def needs(self) -> tuple[str, ...]:
        """The first column."""
        return self.columns[:1]

    @property
    def vectors(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def found(self, columns: Columns) -> dict[str, Texts]:
        """The columns' texts; a row's items, such as negatives, stand for themselves."""
        return {name: _texts(columns, name) for name in self.columns if name in columns}


def _texts(columns: Columns, name: str) -> Texts:
    value = embedded(columns[name])
    x = value.vectors.astype(jnp.float32)
    rows = len(x)
    weight = row_weights(columns, rows).reshape(-1, *[1] * (x.ndim - 2))
    weight = jnp.broadcast_to(weight, x.shape[:-1])
    weight = weight if value.real is None else weight * value.real
    return Texts(x.reshape(-1, x.shape[-1]), weight.reshape(-1), rows)


def _everywhere(value: Array, columns: Columns, texts: Texts, terms: int) -> Term:
    # One number of the whole batch, as the value of every row.
    rows = row_weights(columns, texts.rows)
    return Term(jnp.broadcast_to(value / terms, rows.shape), rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpreadOut(Regulariser):
    r"""Different texts should be at right angles: the mean over pairs $i \ne j$ of $s_{ij}^2$.

    Args:
        columns: which texts; those of one column are held against each other.
        similarity: $s$.

    Example:
        >>> columns = {"query": jnp.ones((3, 2))}
        >>> SpreadOut(columns=("query",))(columns, key=jax.random.key(0))["query"].value.tolist()
        [1.0..., 1.0..., 1.0...]

    Reference: Zhang et al., Learning Spread-out Local Feature Descriptors, arXiv:1708.06320 (its
    second moment); Schechter Vera et al., EmbeddingGemma, arXiv:2509.20354.
    """

    columns: tuple[str, ...] = ("query", "positive")
    similarity: Similarity = Cosine()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """A term for each column; the loss is their sum."""
        return {name: self._term(columns, t, axis) for name, t in self.found(columns).items()}

    def _term(self, columns: Columns, texts: Texts, axis: str | None) -> Term:
        scores, others = _others(self.similarity, texts, axis)
        total = jnp.sum(jnp.where(others, scores**2, 0.0), axis=1)
        count = jnp.sum(others, axis=1) * (texts.weight > 0)
        value, weight = (
            jnp.sum(x.reshape(texts.rows, -1), axis=1) for x in (total * (count > 0), count)
        )
        return Term(value / jnp.maximum(weight, 1), row_weights(columns, texts.rows) * weight)


def _others(
    similarity: Similarity, texts: Texts, axis: str | None
) -> tuple[Float32[Array, "n all"], Bool[Array, "n all"]]:
    # This device's texts against all: scores, and where another real text is.
    everyone, real = gather(texts.vectors, axis), gather(texts.weight > 0, axis)
    place = own_rows(len(texts.vectors), axis)
    others = real[None, :] & (place[:, None] != jnp.arange(len(everyone)))
    return similarity(texts.vectors, everyone), others


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
class GlobalOrthogonality(Regulariser):
    r"""First and second moment of similarities as those of random directions, $d$ dimensions wide.

    $$\big( \bar s \big)^2 \quad\text{and}\quad \max\big( \overline{s^2} - 1/d, 0 \big)$$

    over pairs $i \ne j$ of the batch, averaged over columns: two terms, `mean` and `second_moment`.

    Args:
        columns: which texts.
        similarity: $s$.

    Example:
        >>> GlobalOrthogonality(columns=("query", "positive"))

    Reference: Zhang et al., Learning Spread-out Local Feature Descriptors, arXiv:1708.06320.
    """

    columns: tuple[str, ...] = ("query", "positive", "negatives")
    similarity: Similarity = Cosine()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """Both terms, of every column."""
        found = self.found(columns)
        both = [self._moments(texts, axis) for texts in found.values()]
        first, second = (sum(part) for part in zip(*both, strict=True))
        texts = next(iter(found.values()))
        return {
            "mean": _everywhere(first, columns, texts, len(found)),
            "second_moment": _everywhere(second, columns, texts, len(found)),
        }

    def _moments(self, texts: Texts, axis: str | None) -> tuple[Array, Array]:
        scores, others = _others(self.similarity, texts, axis)
        counts = others & (texts.weight > 0)[:, None]
        pairs = jnp.maximum(mean(jnp.sum(counts, dtype=jnp.float32), axis), TINY)
        first = mean(jnp.sum(jnp.where(counts, scores, 0.0)), axis) / pairs
        second = mean(jnp.sum(jnp.where(counts, scores**2, 0.0)), axis) / pairs
        return first**2, jax.nn.relu(second - 1 / texts.vectors.shape[1])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Uniformity(Regulariser):
    r"""Texts should be spread over the sphere.

    $$\log \mathbb{E}_{i \ne j} e^{-t \lVert x_i - x_j \rVert^2}$$

    of unit vectors, averaged over columns. With `Alignment` it is what the contrastive loss tends to.

    Args:
        columns: which texts.
        sharpness: $t$.

    Raises:
        UsageError: `sharpness` is not positive.

    Example:
        >>> columns = {"query": jnp.array([[1.0, 0.0], [-1.0, 0.0]])}
        >>> Uniformity(columns=("query",))(columns, key=jax.random.key(0))["uniformity"].value.tolist()
        [-8.0, -8.0]

    Reference: Wang and Isola, Understanding Contrastive Representation Learning through Alignment
    and Uniformity on the Hypersphere, arXiv:2005.10242.
    """

    columns: tuple[str, ...] = ("query", "positive")
    sharpness: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sharpness <= 0:
            raise UsageError(f"sharpness={self.sharpness} must be positive.")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `uniformity`."""
        found = self.found(columns)
        value = sum(self._value(texts, axis) for texts in found.values())
        return {"uniformity": _everywhere(value, columns, next(iter(found.values())), len(found))}

    def _value(self, texts: Texts, axis: str | None) -> Array:
        scores, others = _others(Cosine(), texts, axis)
        counts = others & (texts.weight > 0)[:, None]
        # Of unit vectors: the squared distance is 2 - 2 cos.
        power = jnp.where(counts, self.sharpness * (2 * scores - 2), LOWEST)
        each = gather(jax.nn.logsumexp(power, axis=1), axis)
        pairs = jnp.sum(gather(jnp.sum(counts, axis=1), axis))
        return jnp.where(pairs > 0, jax.nn.logsumexp(each) - jnp.log(jnp.maximum(pairs, 1)), 0.0)


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
        apart = square > 0
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
        return {"rank": _everywhere(value, columns, next(iter(found.values())), len(found))}


def _entropy(texts: Texts, axis: str | None) -> Array:
    x, weight = gather(texts.vectors, axis), gather(texts.weight, axis)
    shares = weight / jnp.maximum(jnp.sum(weight), TINY)
    z = unit(x) * jnp.sqrt(shares)[:, None]
    # Both products have the same eigenvalues but for zeros: take the smaller.
    matrix = z @ z.T if z.shape[0] < z.shape[1] else z.T @ z
    values = jnp.linalg.eigvalsh(matrix)
    # Rounding makes eigenvalues of 0 negative or tiny; their share of the entropy is 0.
    counts = values > 1e-7
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
    spares: int = 0

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
        return {"flops": _everywhere(jnp.sum(average**2), columns, texts, 1)}

    def _sum(self, texts: Texts) -> Array:
        full = jnp.sum(texts.vectors != 0, axis=1) > self.spares
        return (texts.weight * full) @ jnp.abs(texts.vectors)


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
