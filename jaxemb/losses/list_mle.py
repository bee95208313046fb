"""The likelihood of a list's order, one document drawn after another."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key

from jaxemb.config import Part
from jaxemb.losses.base import LOWEST, Columns, Term, row_weights
from jaxemb.losses.scores import Compared, Scored, Scorer

SMALLEST_GAIN = 1e-10


class PlaceWeights(Part):
    """Slot: how much the place in a list counts, `places, documents -> weights`."""

    def __call__(
        self, places: Float32[Array, "rows n"], documents: Float32[Array, "rows 1"]
    ) -> Float32[Array, "rows n"]:
        """Weights of places, which count from 1, in a list of so many documents."""
        raise TypeError(f"{type(self).__name__} must define __call__(places, documents)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EqualPlaces(PlaceWeights):
    """Every place counts 1."""

    def __call__(
        self, places: Float32[Array, "rows n"], documents: Float32[Array, "rows 1"]
    ) -> Float32[Array, "rows n"]:
        """Ones."""
        return jnp.ones_like(places)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HalvingPlaces(PlaceWeights):
    r"""The place $r$ of $n$ counts $2^{n - r} - 1$, over the sum: the first half as much again.

    The last place has one way to be filled, and counts nothing.
    """

    def __call__(
        self, places: Float32[Array, "rows n"], documents: Float32[Array, "rows 1"]
    ) -> Float32[Array, "rows n"]:
        """Divided by the power of the first place before it is taken, so that nothing overflows."""
        weights = jnp.exp2(1 - places) - jnp.exp2(1 - documents)
        weights = jnp.where(places <= documents, weights, 0.0)
        return weights / jnp.maximum(jnp.sum(weights, axis=1, keepdims=True), SMALLEST_GAIN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ListMLE(Scored):
    r"""The likelihood of the labels' order, drawing one document after another by its score.

    $$\ell_i = \sum_r w_r \Big( \log \sum_{r' \ge r} e^{s_{(r')}} - s_{(r)} \Big)$$

    where $(r)$ is the document of place $r$ by label; equal labels keep the order of the batch.

    Columns: the scorer's, and `score` `[rows, documents]`, the labels.

    Args:
        scores: makes $s$.
        places: $w$; with `HalvingPlaces()` it is the position-aware form.

    Example:
        >>> ListMLE(places=HalvingPlaces())

    Reference: Xia et al., Listwise Approach to Learning to Rank, 2008; Lan et al., Position-Aware
    ListMLE, 2014.
    """

    scores: Scorer = Compared()
    places: PlaceWeights = EqualPlaces()

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `list`."""
        found, real = self.scores(columns)
        label = jnp.where(real, self.wanted(columns, found.shape[1]), -jnp.inf)
        order = jnp.argsort(-label, axis=1, stable=True)
        found, real = (jnp.take_along_axis(x, order, axis=1) for x in (found, real))
        masked = jnp.where(real, found, LOWEST)
        left = jnp.flip(jax.lax.cumlogsumexp(jnp.flip(masked, axis=1), axis=1), axis=1)
        documents = jnp.sum(real, axis=1, keepdims=True).astype(jnp.float32)
        places = jnp.broadcast_to(jnp.arange(1.0, found.shape[1] + 1), found.shape)
        values = self.places(places, documents) * (left - found)
        value = jnp.sum(jnp.where(real, values, 0.0), axis=1)
        return {"list": Term(value, row_weights(columns, len(value)))}
