"""Candidates that no text has: mixtures of a row's hard negatives."""

import dataclasses
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key

from jaxemb.config import Above, AtLeast, UsageError, check_ranges
from jaxemb.losses.base import LOWEST
from jaxemb.losses.batch import Batch
from jaxemb.losses.blocks import Block, Scores, kept, own_negatives
from jaxemb.losses.candidates import Candidates
from jaxemb.losses.embedded import Embedded
from jaxemb.losses.similarity import Similarity, unit


class MixedNegatives(Block):
    """Candidates that no text has: mixtures of the hard negatives of a row, for that row alone."""

    row: ClassVar[str] = "query"
    holds_target: ClassVar[bool] = False

    def scores(
        self, batch: Batch, similarity: Similarity, candidates: Candidates, key: Key[Array, ""]
    ) -> Scores:
        """`[rows, mixtures]`; the shares have no gradient."""
        rows, own = batch.rows["query"], own_negatives(batch, self)
        if own.embedded.vectors.ndim != 3:
            raise UsageError(f"{type(self).__name__} mixes one vector of each negative.")
        keep = kept(rows, own, candidates, batch)
        shares = jax.lax.stop_gradient(self.shares(batch, similarity, keep, key))
        mixed = unit(jnp.einsum("rmk,rkd->rmd", shares, unit(own.embedded.vectors)))
        values = similarity.paired(rows.embedded, Embedded(mixed))
        all_of_them = jnp.ones(values.shape, bool)
        real = jnp.broadcast_to((jnp.sum(keep, axis=1) > 1)[:, None], values.shape)
        return Scores(values, real, ~all_of_them, all_of_them, None)

    def shares(
        self, batch: Batch, similarity: Similarity, keep: Array, key: Key[Array, ""]
    ) -> Float32[Array, "rows mixtures negatives"]:
        """How much of each negative that counts goes into each mixture; the sum is 1."""
        raise TypeError(f"{type(self).__name__} must define shares(batch, similarity, keep, key)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixedPairs(MixedNegatives):
    r"""Mixtures of two of a row's hard negatives, drawn each step.

    $$h = \frac{\lambda n_a + (1 - \lambda) n_b}{\lVert \cdot \rVert}, \quad
    \lambda \sim \mathrm{Beta}(\alpha, \alpha)$$

    Args:
        mixtures: how many for each row.
        alpha: $\alpha$.

    Example:
        >>> InfoNCE(blocks=(QueryToDocument(), MixedPairs(mixtures=2)), temperature=0.01)

    Reference: KaLM-Embedding-V2, arXiv:2506.20923.
    """

    mixtures: Annotated[int, AtLeast(1)] = 1
    alpha: Annotated[float, Above(0)] = 2.0

    __post_init__ = check_ranges

    def shares(
        self, batch: Batch, similarity: Similarity, keep: Array, key: Key[Array, ""]
    ) -> Float32[Array, "rows mixtures negatives"]:
        """Two random negatives of those that count."""

        def one(row_key: Array, there: Array) -> Array:
            order, share = jax.random.split(row_key)
            ranks = jnp.argsort(jnp.where(there, jax.random.uniform(order, there.shape), 2.0))
            most = jax.random.beta(share, self.alpha, self.alpha)
            second = ranks[min(1, len(there) - 1)]
            return jnp.zeros(there.shape).at[ranks[0]].add(most).at[second].add(1 - most)

        # A row's draw depends on its place in the whole batch, not on the device it is on.
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, batch.rows["query"].pair)
        keys = jax.vmap(lambda k: jax.random.split(k, self.mixtures))(keys)
        return jax.vmap(jax.vmap(one, (0, None)))(keys, keep)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixedList(MixedNegatives):
    r"""One mixture of all of a row's hard negatives, the harder the more.

    $$h = \frac{\sum_k a_k n_k}{\lVert \cdot \rVert}, \quad
    a = \mathrm{softmax}\Big(\frac{s(q, n_k)}{\tau}\Big)$$

    Args:
        temperature: $\tau$.

    Example:
        >>> InfoNCE(blocks=(QueryToDocument(), MixedList()), temperature=0.01)

    Reference: KaLM-Embedding-V2, arXiv:2506.20923 (the form of the shares is our choice).
    """

    temperature: Annotated[float, AtLeast(1e-6)] = 0.05

    __post_init__ = check_ranges

    def shares(
        self, batch: Batch, similarity: Similarity, keep: Array, key: Key[Array, ""]
    ) -> Float32[Array, "rows mixtures negatives"]:
        """A softmax over those that count."""
        scores = similarity.paired(
            batch.rows["query"].embedded, own_negatives(batch, self).embedded
        )
        logits = jnp.where(keep, scores / self.temperature, LOWEST)
        return jax.nn.softmax(logits, axis=1)[:, None]
