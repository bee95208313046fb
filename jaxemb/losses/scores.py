"""Where a row's scores come from: two towers compared, or one text that holds a pair."""

import dataclasses
from typing import Annotated, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32

from jaxemb.config import Above, AtLeast, Part, UsageError, check_ranges
from jaxemb.losses.base import Columns, Loss, column
from jaxemb.losses.batch import hard_negatives, texts
from jaxemb.losses.embedded import embedded
from jaxemb.losses.similarity import Cosine, Similarity


class Listed(NamedTuple):
    """A row's documents as the network scores them; which of them are there."""

    scores: Float32[Array, "rows documents"]
    real: Bool[Array, "rows documents"]


class Scorer(Part):
    """Slot: `columns -> Listed`, the scores of each row's own documents.

    Attributes:
        needs: columns that must exist.
        vectors: columns that it reads.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    vectors: ClassVar[tuple[str, ...]] = ()

    def __call__(self, columns: Columns) -> Listed:
        """Scores `[rows, documents]` of this device's rows."""
        raise TypeError(f"{type(self).__name__} must define __call__(columns)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared(Scorer):
    r"""$s(q, d) / \tau$ for the row's positive and then its hard negatives.

    Columns: `query`, `positive`; `negatives` if present.

    Args:
        similarity: $s$.
        temperature: $\tau$.

    Raises:
        UsageError: `temperature` is not positive.

    Example:
        >>> columns = {"query": jnp.eye(2), "positive": jnp.eye(2), "negatives": jnp.ones((2, 1, 2))}
        >>> Compared(similarity=Dot())(columns).scores.tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """

    similarity: Similarity = Cosine()
    temperature: Annotated[float, AtLeast(1e-6)] = 1.0

    needs: ClassVar[tuple[str, ...]] = ("query", "positive")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")

    __post_init__ = check_ranges

    def __call__(self, columns: Columns) -> Listed:
        """The positive stands first."""
        shape = self.similarity.shape
        query, positive = texts(columns, "query", shape), texts(columns, "positive", shape)
        scores = self.similarity.paired(query, jax.tree.map(lambda x: x[:, None], positive))
        real = jnp.ones(scores.shape, bool)
        if "negatives" in columns:
            negatives, there = hard_negatives(columns, shape)
            scores = jnp.concatenate([scores, self.similarity.paired(query, negatives)], axis=1)
            real = jnp.concatenate([real, there], axis=1)
        return Listed(scores / self.temperature, real)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairScores(Scorer):
    """The one number that a cross-encoder gives for a query and a document in one text.

    The column has texts that hold both: `[rows, 1]`, or `[rows, documents, 1]` where a row has
    several.

    Args:
        column: which column holds the pairs.

    Raises:
        UsageError: the network gives more than one number.

    Example:
        >>> PairScores()({"query": jnp.array([[0.5], [2.0]])}).scores.tolist()
        [[0.5], [2.0]]
    """

    column: str = "query"

    @property
    def needs(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def vectors(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, columns: Columns) -> Listed:
        """The numbers as they are."""
        found = embedded(columns[self.column])
        if found.vectors.shape[-1] != 1 or found.vectors.ndim not in (2, 3):
            raise UsageError(
                f"PairScores reads one number for each pair in {self.column!r}, and there are "
                f"{found.vectors.shape}."
            )
        scores = found.vectors[..., 0].astype(jnp.float32)
        real = jnp.ones(scores.shape, bool) if found.real is None else found.real
        if scores.ndim == 1:
            scores, real = scores[:, None], jnp.ones((len(scores), 1), bool)
        return Listed(scores, real)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Squashed(Scorer):
    r"""Other scores between 0 and a number: $c \, \sigma(s)$, so that no score runs away.

    Args:
        inner: makes $s$.
        scale: $c$.

    Example:
        >>> Squashed(scale=10.0)({"query": jnp.zeros((1, 1))}).scores.tolist()
        [[5.0]]
    """

    inner: Scorer = PairScores()
    scale: Annotated[float, Above(0)] = 10.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The inner scorer's."""
        return self.inner.needs

    @property
    def vectors(self) -> tuple[str, ...]:
        """The inner scorer's."""
        return self.inner.vectors

    def __call__(self, columns: Columns) -> Listed:
        """The inner scores, squashed."""
        found = self.inner(columns)
        return found._replace(scores=self.scale * jax.nn.sigmoid(found.scores))


class Scored(Loss):
    """Base of losses over the scores of each row's own documents, in the slot `scores`.

    Attributes:
        labels: the column of what the scores should be like, `[rows]` or `[rows, documents]`.
    """

    scores: Scorer
    labels: ClassVar[str] = "score"

    @property
    def needs(self) -> tuple[str, ...]:
        """The scorer's, and the labels."""
        return (*self.scores.needs, self.labels)

    @property
    def vectors(self) -> tuple[str, ...]:
        """The scorer's."""
        return self.scores.vectors

    def wanted(self, columns: Columns, documents: int) -> Float32[Array, "rows documents"]:
        """The labels, one for each document.

        Raises:
            UsageError: there are more or fewer.
        """
        array = columns[self.labels] if self.labels in columns else column(columns, self.labels, "")
        array = jax.lax.stop_gradient(jnp.asarray(array, jnp.float32))
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or array.shape[1] != documents:
            raise UsageError(
                f"{type(self).__name__} reads one number for each of the row's {documents} "
                f"document(s) in {self.labels!r}, and there are {array.shape}."
            )
        return array
