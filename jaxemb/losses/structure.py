"""Losses that copy how a teacher finds the texts of a batch alike, whatever its width."""

import dataclasses
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Key

from jaxemb.config import AtLeast, check_ranges
from jaxemb.losses.base import Columns, Loss, Term, row_weights
from jaxemb.losses.batch import texts
from jaxemb.losses.distillation import TEXTS, divergence, with_teacher
from jaxemb.losses.similarity import Cosine, Similarity
from jaxemb.runtime import gather, own_rows


class Structure(Loss):
    """Base of losses over two matrices of similarities of the batch's texts, ours and a teacher's.

    Columns: `query` and `query_teacher`; also `positive` where it has a `positive_teacher`. Each
    makes matrices and a term of its own. A teacher's vectors may be of any width.
    """

    similarity: Similarity

    needs: ClassVar[tuple[str, ...]] = ("query",)
    vectors: ClassVar[tuple[str, ...]] = TEXTS[:2]

    def value(
        self,
        student: Float32[Array, "rows all"],
        teacher: Float32[Array, "rows all"],
        real: Bool[Array, " all"],
        place: Array,
        axis: str | None,
    ) -> tuple[Array, Array]:
        """Values and counts of this device's rows, whose places in the batch are `place`."""
        raise TypeError(f"{type(self).__name__} must define value(student, teacher, ...)")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """A term for each column, by its name."""
        taught = [name for name in with_teacher(columns, self) if name in self.vectors]
        return {name: self._term(columns, name, len(taught), axis) for name in taught}

    def _term(self, columns: Columns, name: str, terms: int, axis: str | None) -> Term:
        student = texts(columns, name, self.similarity.shape)
        teacher = jax.lax.stop_gradient(columns[f"{name}_teacher"].astype(jnp.float32))
        weight = row_weights(columns, len(teacher))
        everyone = jax.tree.map(lambda x: gather(x, axis), (student, teacher, weight > 0))
        value, count = self.value(
            self.similarity(student, everyone[0]),
            Cosine()(teacher, everyone[1]),
            everyone[2],
            own_rows(len(teacher), axis),
            axis,
        )
        return Term(value / terms, weight * count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimilarityDistillation(Structure):
    r"""The matrix of similarities should be the teacher's: the mean of $(s_{ij} - t_{ij})^2$.

    Args:
        similarity: $s$; the teacher's is the cosine.

    Example:
        >>> SimilarityDistillation()

    Reference: Zhang et al., Jasper and Stella, arXiv:2412.19048.
    """

    similarity: Similarity = Cosine()

    def value(
        self,
        student: Float32[Array, "rows all"],
        teacher: Float32[Array, "rows all"],
        real: Bool[Array, " all"],
        place: Array,
        axis: str | None,
    ) -> tuple[Array, Array]:
        """The mean over all texts, itself included."""
        errors = jnp.where(real, (student - teacher) ** 2, 0.0)
        return jnp.sum(errors, axis=1) / jnp.maximum(jnp.sum(real), 1), jnp.ones(len(student))


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighbourDistillation(Structure):
    r"""Each text's distribution over the other texts of the batch should be the teacher's.

    $$\ell_i = \mathrm{KL}\big(\mathrm{softmax}_{j \ne i}(t_{ij} / \tau) \,\Vert\,
    \mathrm{softmax}_{j \ne i}(s_{ij} / \tau)\big)$$

    which has the gradient of their cross-entropy, and is 0 where they agree.

    Args:
        temperature: $\tau$ of both.
        similarity: $s$; the teacher's is the cosine.

    Raises:
        UsageError: `temperature` is not positive.

    Example:
        >>> NeighbourDistillation(temperature=0.05)
    """

    temperature: Annotated[float, AtLeast(1e-6)] = 0.05
    similarity: Similarity = Cosine()

    __post_init__ = check_ranges

    def value(
        self,
        student: Float32[Array, "rows all"],
        teacher: Float32[Array, "rows all"],
        real: Bool[Array, " all"],
        place: Array,
        axis: str | None,
    ) -> tuple[Array, Array]:
        """The text itself is not among the others; a row alone does not count."""
        others = real[None, :] & (place[:, None] != jnp.arange(len(real)))
        found = divergence(teacher / self.temperature, student / self.temperature, others)
        return found, jnp.any(others, axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OrderDistillation(Structure):
    r"""Of two pairs of texts, the one that the teacher finds more alike should be so here.

    $$\frac{1}{N} \sum_{t_{ij} > t_{mn}} \max(s_{mn} - s_{ij} + m, 0)$$

    over the $N$ ordered pairs of pairs in the batch, $i < j$ and $m < n$. Their number grows with the
    fourth power of the batch's rows: keep batches near a hundred.

    Args:
        margin: $m$.
        similarity: $s$; the teacher's is the cosine.

    Example:
        >>> OrderDistillation(margin=0.015)

    Reference: Zhang et al., Jasper and Stella, arXiv:2412.19048.
    """

    margin: Annotated[float, AtLeast(0)] = 0.015
    similarity: Similarity = Cosine()

    def value(
        self,
        student: Float32[Array, "rows all"],
        teacher: Float32[Array, "rows all"],
        real: Bool[Array, " all"],
        place: Array,
        axis: str | None,
    ) -> tuple[Array, Array]:
        """A row's pairs against the pairs of all rows, one row at a time."""
        everywhere = jnp.arange(len(real))
        pairs = real[:, None] & real[None, :]
        once = (pairs & (everywhere[:, None] < everywhere[None, :])).reshape(-1)
        ours, theirs = (gather(x, axis).reshape(-1) for x in (student, teacher))

        # Again for the gradient, instead of keeping what is as large as the batch cubed.
        @jax.checkpoint
        def one(row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            own, wanted, place = row
            own_pairs = pairs[place] & (everywhere != place)
            ordered = (wanted[:, None] > theirs[None, :]) & once & own_pairs[:, None]
            missed = jax.nn.relu(ours[None, :] - own[:, None] + self.margin)
            return jnp.sum(jnp.where(ordered, missed, 0.0)), jnp.sum(ordered)

        total, count = jax.lax.map(one, (student, teacher, place))
        return total / jnp.maximum(count, 1), count
