"""Losses that spread texts over the space; added to another loss by `Sum`."""

import dataclasses
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Key

from jaxemb.config import Above, UsageError
from jaxemb.losses.base import LOWEST, TINY, Columns, Loss, Term, row_weights
from jaxemb.losses.embedded import embedded
from jaxemb.losses.similarity import Cosine, Similarity
from jaxemb.runtime import gather, mean, own_rows


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


def everywhere(value: Array, columns: Columns, texts: Texts, terms: int) -> Term:
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
        scores, others = others_of(self.similarity, texts, axis)
        total = jnp.sum(jnp.where(others, scores**2, 0.0), axis=1)
        count = jnp.sum(others, axis=1) * (texts.weight > 0)
        value, weight = (
            jnp.sum(x.reshape(texts.rows, -1), axis=1) for x in (total * (count > 0), count)
        )
        return Term(value / jnp.maximum(weight, 1), row_weights(columns, texts.rows) * weight)


def others_of(
    similarity: Similarity, texts: Texts, axis: str | None
) -> tuple[Float32[Array, "n all"], Bool[Array, "n all"]]:
    # This device's texts against all: scores, and where another real text is.
    everyone, real = gather(texts.vectors, axis), gather(texts.weight > 0, axis)
    place = own_rows(len(texts.vectors), axis)
    others = real[None, :] & (place[:, None] != jnp.arange(len(everyone)))
    return similarity(texts.vectors, everyone), others


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
            "mean": everywhere(first, columns, texts, len(found)),
            "second_moment": everywhere(second, columns, texts, len(found)),
        }

    def _moments(self, texts: Texts, axis: str | None) -> tuple[Array, Array]:
        scores, others = others_of(self.similarity, texts, axis)
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
    sharpness: Annotated[float, Above(0)] = 2.0

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
        return {"uniformity": everywhere(value, columns, next(iter(found.values())), len(found))}

    def _value(self, texts: Texts, axis: str | None) -> Array:
        scores, others = others_of(Cosine(), texts, axis)
        counts = others & (texts.weight > 0)[:, None]
        # Of unit vectors: the squared distance is 2 - 2 cos.
        power = jnp.where(counts, self.sharpness * (2 * scores - 2), LOWEST)
        each = gather(jax.nn.logsumexp(power, axis=1), axis)
        pairs = jnp.sum(gather(jnp.sum(counts, axis=1), axis))
        return jnp.where(pairs > 0, jax.nn.logsumexp(each) - jnp.log(jnp.maximum(pairs, 1)), 0.0)
