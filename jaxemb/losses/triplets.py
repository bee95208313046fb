"""Losses that hold a positive against a negative, given or found in the batch by label."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Key

from jaxemb.config import AtLeast
from jaxemb.losses.base import Columns, Loss, Term, column, row_weights
from jaxemb.losses.batch import by_role, texts
from jaxemb.losses.blocks import QueryToDocument
from jaxemb.losses.candidates import Candidates, MaskDuplicates
from jaxemb.losses.scores import Compared
from jaxemb.losses.similarity import Cosine, Euclidean, Similarity
from jaxemb.runtime import gather, own_rows

LARGEST = jnp.finfo(jnp.float32).max


@dataclasses.dataclass(frozen=True, kw_only=True)
class Triplet(Loss):
    r"""The positive should be nearer than the row's own hard negatives, by a margin.

    $$\ell_i = \frac{1}{k} \sum_j \max(s(q_i, n_{ij}) - s(q_i, d_i) + m, 0)$$

    Columns: `query`, `positive` and `negatives`. A row without a negative does not count.

    Args:
        margin: $m$.
        similarity: $s$.

    Example:
        >>> Triplet(margin=0.05, similarity=Cosine())

    Reference: Schroff et al., FaceNet, arXiv:1503.03832.
    """

    margin: Annotated[float, AtLeast(0)] = 5.0
    similarity: Similarity = Euclidean()

    needs: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `triplet`."""
        scores, real = Compared(similarity=self.similarity)(columns)
        values = jax.nn.relu(scores[:, 1:] - scores[:, :1] + self.margin)
        count = jnp.sum(real[:, 1:], axis=1)
        value = jnp.sum(jnp.where(real[:, 1:], values, 0.0), axis=1) / jnp.maximum(count, 1)
        weight = row_weights(columns, len(value)) * (count > 0)
        return {"triplet": Term(value, weight)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardestNegative(Loss):
    r"""A pair should be nearer than one margin, the nearest other text further than another.

    $$\ell_i = \max(m^{+} - s_{ii}, 0) + \max(\max_{j \in C_i} s_{ij} - m^{-}, 0)$$

    Columns: as `InfoNCE`; the nearest text is searched on all devices, hard negatives included.

    Args:
        positive_margin: $m^{+}$.
        negative_margin: $m^{-}$.
        similarity: $s$.
        candidates: which texts count.

    Example:
        >>> HardestNegative(positive_margin=0.8, negative_margin=0.3)

    Reference: Wieting and Gimpel, ParaNMT-50M, arXiv:1711.05732.
    """

    positive_margin: float = 0.8
    negative_margin: float = 0.3
    similarity: Similarity = Cosine()
    candidates: Candidates = MaskDuplicates()

    needs: ClassVar[tuple[str, ...]] = ("query", "positive")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `hardest`."""
        batch = by_role(columns, self.similarity.shape, axis, None)
        scores = QueryToDocument().scores(batch, self.similarity, self.candidates, key)
        own = jnp.sum(jnp.where(scores.positive, scores.values, 0.0), axis=1)
        nearest = jnp.max(jnp.where(scores.negative, scores.values, -LARGEST), axis=1)
        value = jax.nn.relu(self.positive_margin - own)
        value += jax.nn.relu(nearest - self.negative_margin)
        return {"hardest": Term(value, batch.rows["query"].weight)}


class _ByLabel(NamedTuple):
    """Distances of this device's rows to all texts of the batch, and which share a label."""

    distance: Float32[Array, "rows all"]
    same: Bool[Array, "rows all"]
    other: Bool[Array, "rows all"]
    weight: Float32[Array, " rows"]


class BatchTriplets(Loss):
    """Base of losses whose positives and negatives are found in the batch, by the column `label`.

    Columns: `query` and `label` `[rows]`. Filler rows are nobody's positive or negative.
    """

    similarity: Similarity

    needs: ClassVar[tuple[str, ...]] = ("query", "label")
    vectors: ClassVar[tuple[str, ...]] = ("query",)

    def compared(self, columns: Columns, axis: str | None) -> _ByLabel:
        """Every row against every text, on all devices."""
        query = texts(columns, "query", self.similarity.shape)
        label = column(columns, "label", "rows")
        weight = row_weights(columns, len(label))
        everyone = jax.tree.map(lambda x: gather(x, axis), (query, label, weight > 0))
        scores = self.similarity(query, everyone[0])
        itself = own_rows(len(label), axis)[:, None] == jnp.arange(scores.shape[1])
        same = label[:, None] == everyone[1]
        real = everyone[2][None, :]
        distance = self.similarity.distance(scores)
        return _ByLabel(distance, same & real & ~itself, ~same & real, weight)


class _Hardest(BatchTriplets):
    def penalty(self, gap: Float32[Array, " rows"]) -> Float32[Array, " rows"]:
        """Of how much further the positive is than the negative."""
        raise TypeError(f"{type(self).__name__} must define penalty(gap)")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `triplet`."""
        distance, same, other, weight = self.compared(columns, axis)
        furthest = jnp.max(jnp.where(same, distance, -LARGEST), axis=1)
        nearest = jnp.min(jnp.where(other, distance, LARGEST), axis=1)
        both = jnp.any(same, axis=1) & jnp.any(other, axis=1)
        gap = jnp.where(both, furthest, 0.0) - jnp.where(both, nearest, 0.0)
        return {"triplet": Term(self.penalty(gap), weight * both)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchHardTriplet(_Hardest):
    r"""The furthest text of a row's class should be nearer than the nearest of another, by a margin.

    $$\ell_i = \max\big(\max_{p} d_{ip} - \min_{n} d_{in} + m, 0\big)$$

    A row that lacks one of the two does not count.

    Args:
        margin: $m$.
        similarity: its distance is $d$.

    Example:
        >>> BatchHardTriplet(margin=5.0)

    Reference: Hermans et al., In Defense of the Triplet Loss for Person Re-Identification,
    arXiv:1703.07737.
    """

    margin: Annotated[float, AtLeast(0)] = 5.0
    similarity: Similarity = Euclidean()

    def penalty(self, gap: Float32[Array, " rows"]) -> Float32[Array, " rows"]:
        """A hinge."""
        return jax.nn.relu(gap + self.margin)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchHardSoftTriplet(_Hardest):
    r"""`BatchHardTriplet` with $\log(1 + e^{x})$ for the hinge, and no margin to choose.

    Args:
        similarity: as there.

    Example:
        >>> BatchHardSoftTriplet()

    Reference: Hermans et al., In Defense of the Triplet Loss for Person Re-Identification,
    arXiv:1703.07737.
    """

    similarity: Similarity = Euclidean()

    def penalty(self, gap: Float32[Array, " rows"]) -> Float32[Array, " rows"]:
        """Soft."""
        return jax.nn.softplus(gap)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchSemiHardTriplet(BatchTriplets):
    r"""Each positive against the nearest negative that is further away than it.

    Where no negative is further, the furthest negative is taken. The loss is the mean of
    $\max(d_{ip} - d_{in} + m, 0)$ over all positives of all rows, so a row weighs as much as it
    has positives.

    Args:
        margin: $m$.
        similarity: its distance is $d$.

    Example:
        >>> BatchSemiHardTriplet(margin=5.0)

    Reference: Schroff et al., FaceNet, arXiv:1503.03832.
    """

    margin: Annotated[float, AtLeast(0)] = 5.0
    similarity: Similarity = Euclidean()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `triplet`."""
        distance, same, other, weight = self.compared(columns, axis)
        ordered = jnp.sort(jnp.where(other, distance, LARGEST), axis=1)
        place = jax.vmap(lambda a, v: jnp.searchsorted(a, v, side="right"))(ordered, distance)
        next_one = jnp.take_along_axis(ordered, jnp.minimum(place, ordered.shape[1] - 1), axis=1)
        furthest = jnp.max(jnp.where(other, distance, -LARGEST), axis=1, keepdims=True)
        negative = jnp.where(next_one < LARGEST, next_one, furthest)
        counts = same & jnp.any(other, axis=1, keepdims=True)
        values = jax.nn.relu(distance - jnp.where(counts, negative, 0.0) + self.margin)
        count = jnp.sum(counts, axis=1)
        value = jnp.sum(jnp.where(counts, values, 0.0), axis=1) / jnp.maximum(count, 1)
        return {"triplet": Term(value, weight * count)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchAllTriplet(BatchTriplets):
    r"""The mean of $\max(d_{ip} - d_{in} + m, 0)$ over all triplets of the batch where it is not 0.

    A row weighs as much as it has such triplets.

    Args:
        margin: $m$.
        similarity: its distance is $d$.

    Example:
        >>> BatchAllTriplet(margin=5.0)

    Reference: Hermans et al., In Defense of the Triplet Loss for Person Re-Identification,
    arXiv:1703.07737.
    """

    margin: Annotated[float, AtLeast(0)] = 5.0
    similarity: Similarity = Euclidean()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `triplet`."""
        found = self.compared(columns, axis)

        # One row at a time, and again for the gradient: all triplets at once are the batch cubed.
        @jax.checkpoint
        def one(row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            distance, same, other = row
            values = jax.nn.relu(distance[:, None] - distance[None, :] + self.margin)
            values = jnp.where(same[:, None] & other[None, :], values, 0.0)
            return jnp.sum(values), jnp.sum(values > 0)

        total, count = jax.lax.map(one, (found.distance, found.same, found.other))
        value = total / jnp.maximum(count, 1)
        return {"triplet": Term(value, found.weight * count)}
