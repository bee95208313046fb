"""Losses over labelled pairs: each pair by itself, or the order of all of them."""

import dataclasses
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import Above, AtLeast, check_ranges
from jaxemb.losses.base import LOWEST, Columns, Loss, Term, column, row_weights
from jaxemb.losses.scores import Compared, Scored, Scorer
from jaxemb.losses.similarity import Cosine, Similarity
from jaxemb.runtime import gather


class _MarginLoss(Loss):
    similarity: Similarity
    margin: float

    needs: ClassVar[tuple[str, ...]] = ("query", "positive", "label")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive")

    __post_init__ = check_ranges

    def _read(self, columns: Columns) -> tuple[Array, Array, Array]:
        distance = self.similarity.distance(
            Compared(similarity=self.similarity)(
                {name: columns[name] for name in self.vectors if name in columns}
            ).scores[:, 0]
        )
        label = jax.lax.stop_gradient(column(columns, "label", "rows").astype(jnp.float32))
        return distance, label, row_weights(columns, len(label))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarginPairs(_MarginLoss):
    r"""Pairs with the label 1 are drawn together, those with 0 pushed apart up to a margin.

    $$\ell_i = \tfrac{1}{2} \big( y_i d_i^2 + (1 - y_i) \max(m - d_i, 0)^2 \big)$$

    Columns: `query`, `positive` (which is a negative where the label says so) and `label`, 0 or 1;
    a label between them weights both parts.

    Args:
        margin: $m$.
        similarity: its distance is $d$, 1 - cosine by default.

    Raises:
        UsageError: `margin` is not positive.

    Example:
        >>> columns = {"query": jnp.eye(2), "positive": jnp.ones((2, 2)), "label": jnp.array([1, 0])}
        >>> term = MarginPairs()(columns, key=jax.random.key(0))["pairs"]
        >>> term.value.round(4).tolist()
        [0.0429, 0.0214]

    Reference: Hadsell et al., Dimensionality Reduction by Learning an Invariant Mapping, 2006.
    """

    margin: Annotated[float, Above(0)] = 0.5
    similarity: Similarity = Cosine()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `pairs`."""
        distance, label, weight = self._read(columns)
        apart = jax.nn.relu(self.margin - distance) ** 2
        return {"pairs": Term((label * distance**2 + (1 - label) * apart) / 2, weight)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardMarginPairs(_MarginLoss):
    r"""`MarginPairs` of the batch's hard pairs alone, without the half.

    Hard are the positive pairs that are further apart than the nearest negative pair, and the
    negative pairs that are nearer than the furthest positive pair; where one kind is missing, the
    other is held against its own mean. Other rows have the value 0.

    Args:
        margin: as there.
        similarity: as there.

    Raises:
        UsageError: `margin` is not positive.

    Example:
        >>> HardMarginPairs(margin=0.5)

    Reference: the "online" contrastive loss of the library sentence-transformers, which sums over
    rows where this is a mean.
    """

    margin: Annotated[float, Above(0)] = 0.5
    similarity: Similarity = Cosine()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `pairs`."""
        distance, label, weight = self._read(columns)
        everyone = [gather(x, axis) for x in (jax.lax.stop_gradient(distance), label, weight > 0)]
        furthest, nearest = _bounds(*everyone)
        # Written so that a distance that is no number counts, and is seen.
        positive = (label == 1) & ~(distance <= nearest)
        negative = (label == 0) & ~(distance >= furthest)
        apart = jax.nn.relu(self.margin - distance) ** 2
        value = jnp.where(positive, distance**2, 0.0) + jnp.where(negative, apart, 0.0)
        return {"pairs": Term(value, weight)}


def _bounds(distance: Array, label: Array, real: Array) -> tuple[Array, Array]:
    # What negatives are held against, and what positives are held against.
    positive, negative = real & (label == 1), real & (label == 0)
    furthest = jnp.max(jnp.where(positive, distance, LOWEST))
    nearest = jnp.min(jnp.where(negative, distance, -LOWEST))

    def mean(where: Array) -> Array:
        return jnp.sum(jnp.where(where, distance, 0.0)) / jnp.maximum(jnp.sum(where), 1)

    return (
        jnp.where(jnp.any(positive), furthest, mean(negative)),
        jnp.where(jnp.any(negative), nearest, mean(positive)),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoSENT(Loss):
    r"""Pairs should be ordered by their scores as by their labels; equal labels have no order.

    $$L = \log \Big( 1 + \sum_{y_i > y_j} \exp \frac{s_j - s_i}{\tau} \Big)$$

    over all pairs of the batch, on all devices: one number, which is the value of every row.

    Columns: `query`, `positive`, and `score` `[rows]`, of any scale.

    Args:
        temperature: $\tau$.
        similarity: $s$; with `Angle()` it is the angle-optimised loss.

    Raises:
        UsageError: `temperature` is not positive.

    Example:
        >>> columns = {"query": jnp.eye(2), "positive": jnp.eye(2), "score": jnp.array([1.0, 0.0])}
        >>> CoSENT()(columns, key=jax.random.key(0))["order"].value.round(4).tolist()
        [0.6931..., 0.6931...]

    Reference: Su, CoSENT, 2022, as in arXiv:2309.12871; Li and Li, AnglE-optimized Text Embeddings,
    arXiv:2309.12871.
    """

    temperature: Annotated[float, AtLeast(1e-6)] = 0.05
    similarity: Similarity = Cosine()

    needs: ClassVar[tuple[str, ...]] = ("query", "positive", "score")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive")

    __post_init__ = check_ranges

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `order`."""
        score = column(columns, "score", "rows")
        weight = row_weights(columns, len(score))
        given = {name: columns[name] for name in self.vectors if name in columns}
        own = Compared(similarity=self.similarity, temperature=self.temperature)(given).scores[:, 0]
        logits, labels, real = (gather(x, axis) for x in (own, score, weight > 0))
        # This device's rows as the higher ones; what they find is summed over devices.
        wrong = (score[:, None] > labels[None, :]) & (weight > 0)[:, None] & real[None, :]
        gaps = jnp.where(wrong, logits[None, :] - own[:, None], LOWEST)
        found = gather(jax.nn.logsumexp(gaps, axis=1), axis)
        value = jax.nn.softplus(jax.nn.logsumexp(found))
        return {"order": Term(jnp.broadcast_to(value, own.shape), weight)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreRegression(Scored):
    r"""Scores should be the labels: $(s_i - y_i)^2$, averaged over a row's documents.

    Columns: the scorer's, and `score` `[rows]` or `[rows, documents]`.

    Args:
        scores: what is compared with the labels, the cosine by default.

    Example:
        >>> columns = {"query": jnp.eye(2), "positive": jnp.eye(2), "score": jnp.array([1.0, 0.5])}
        >>> ScoreRegression()(columns, key=jax.random.key(0))["regression"].value.tolist()
        [0.0, 0.25]

    Reference: Reimers and Gurevych, Sentence-BERT, arXiv:1908.10084.
    """

    scores: Scorer = Compared()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `regression`."""
        found, real = self.scores(columns)
        errors = (found - self.wanted(columns, found.shape[1])) ** 2
        value = jnp.sum(jnp.where(real, errors, 0.0), axis=1) / jnp.maximum(
            jnp.sum(real, axis=1), 1
        )
        return {"regression": Term(value, row_weights(columns, len(value)))}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairCrossEntropy(Scored):
    r"""A score as the logit of a yes: $-w y_i \log \sigma(s_i) - (1 - y_i) \log \sigma(-s_i)$.

    Columns: the scorer's, and `label`, from 0 to 1, `[rows]` or `[rows, documents]`.

    Args:
        scores: the logits.
        positive_weight: $w$, for rare positives.

    Raises:
        UsageError: `positive_weight` is not positive.

    Example:
        >>> columns = {"query": jnp.zeros((1, 2)), "positive": jnp.eye(1, 2), "label": jnp.ones(1)}
        >>> PairCrossEntropy()(columns, key=jax.random.key(0))["yes"].value.round(4).tolist()
        [0.6931...]
    """

    scores: Scorer = Compared(temperature=0.05)
    positive_weight: Annotated[float, Above(0)] = 1.0

    labels: ClassVar[str] = "label"

    __post_init__ = check_ranges

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `yes`."""
        logits, real = self.scores(columns)
        label = self.wanted(columns, logits.shape[1])
        yes, no = jax.nn.softplus(-logits), jax.nn.softplus(logits)
        values = self.positive_weight * label * yes + (1 - label) * no
        value = jnp.sum(jnp.where(real, values, 0.0), axis=1) / jnp.maximum(
            jnp.sum(real, axis=1), 1
        )
        return {"yes": Term(value, row_weights(columns, len(value)))}
