"""What a network gives for a column of a batch, and what a loss may ask of it."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, Shaped

from jaxemb.config import Part


class Embedded(NamedTuple):
    """What became of a column; the batch's rows come first in every array. A JAX pytree.

    Attributes:
        vectors: `[rows, dim]`, or `[rows, *items, dim]` where a row has several: negatives, tokens,
            chunks, depths.
        real: `[rows, *items]`, which items are no padding; None where all are.
        extra: whatever else the network has to say, such as the router's probabilities.
    """

    vectors: Float[Array, "rows *items dim"]
    real: Bool[Array, "rows *items"] | None = None
    extra: Mapping[str, Shaped[Array, "rows ..."]] = {}

    @property
    def plain(self) -> "Embedded":
        """Without `extra`."""
        return Embedded(self.vectors, self.real)


def embedded(value: Any) -> Embedded:
    """An array of vectors as `Embedded`; what is `Embedded` stays.

    Example:
        >>> embedded(jnp.ones((2, 3))).real is None
        True
    """
    return value if isinstance(value, Embedded) else Embedded(value)


def flat_items(x: Embedded) -> Embedded:
    """`[rows, items, ...]` to `[rows * items, ...]`: each item stands for itself.

    Example:
        >>> flat_items(Embedded(jnp.ones((2, 3, 4)))).vectors.shape
        (6, 4)
    """
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), x.plain)


def stacked(parts: list[Embedded]) -> Embedded:
    """Rows below rows; where they have unequal numbers of items, the shorter ones are padded.

    Example:
        >>> a = Embedded(jnp.ones((2, 3, 4)), jnp.ones((2, 3), bool))
        >>> b = Embedded(jnp.ones((1, 5, 4)), jnp.ones((1, 5), bool))
        >>> stacked([a, b]).real.sum(axis=1).tolist()
        [3, 3, 5]
    """
    if len(parts) == 1:
        return parts[0].plain
    if parts[0].vectors.ndim == 2:
        return Embedded(jnp.concatenate([part.vectors for part in parts]))
    longest = max(part.vectors.shape[1] for part in parts)
    parts = [_padded(part, longest) for part in parts]
    return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


def _padded(x: Embedded, items: int) -> Embedded:
    real = jnp.ones(x.vectors.shape[:2], bool) if x.real is None else x.real
    missing = (0, items - x.vectors.shape[1])
    vectors = jnp.pad(x.vectors, ((0, 0), missing, (0, 0)))
    return Embedded(vectors, jnp.pad(real, ((0, 0), missing)))


class Reading(Part):
    """Slot: what a loss asks of a column, `tower, params, batch, keys -> Embedded`."""

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """Reads a batch of inputs off a tower, such as a `jaxemb.model.Embedder`."""
        raise TypeError(f"{type(self).__name__} must define __call__(tower, params, batch, keys)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vector(Reading):
    """What the tower returns: one vector `[rows, dim]`, or its items, such as one for each token."""

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """`tower.vectors`."""
        return tower.vectors(params, batch, keys=keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorWithPieces(Reading):
    """What `Vector` reads, and beside it the text that it was made of.

    The token ids stand in `extra["ids"]` `[rows, tokens]`, and which of them are real in
    `extra["mask"]`.
    """

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """`tower.vectors`, and the batch."""
        found = tower.vectors(params, batch, keys=keys)
        text = {"ids": jnp.asarray(batch.ids), "mask": jnp.asarray(batch.mask)}
        return found._replace(extra={**found.extra, **text})


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorWithLogits(Reading):
    """What `Vector` reads of one vector per text, and what `Logits` reads, by one pass.

    The logits stand in `extra["logits"]` `[rows, tokens, vocabulary]`, and which tokens are real in
    `extra["mask"]`. The tower needs an `output`.
    """

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """`tower.read` and `tower.scores` of the same states."""
        states, mask, extra = tower.hidden(params, batch, keys=keys)
        own = {"logits": tower.scores(params, states), "mask": mask}
        return Embedded(tower.read(params, states, mask), extra={**extra, **own})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pieces(Reading):
    """The text alone: `extra["ids"]` and `extra["mask"]` `[rows, tokens]`; nothing is embedded.

    Its vectors are one zero each.
    """

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """The batch."""
        ids, mask = jnp.asarray(batch.ids), jnp.asarray(batch.mask)
        return Embedded(jnp.zeros((len(ids), 1)), extra={"ids": ids, "mask": mask})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Depths(Reading):
    """One vector for each depth at which the tower could be cut, `[rows, layers, dim]`."""

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """`tower.depths`."""
        return Embedded(tower.depths(params, batch, keys=keys))


@dataclasses.dataclass(frozen=True, kw_only=True)
class States(Reading):
    """The last hidden state of each token, `[rows, tokens, width]`; padding is not real."""

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """The last of `tower.hidden`."""
        states, mask, extra = tower.hidden(params, batch, keys=keys)
        return Embedded(states[-1].astype(jnp.float32), mask, extra)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Logits(Reading):
    """Scores of every piece of the vocabulary at each token, `[rows, tokens, vocabulary]`.

    The token ids stand in `extra["ids"]`. The tower needs an `output`.
    """

    def __call__(
        self, tower: Any, params: Any, batch: Any, keys: Key[Array, " rows"] | None
    ) -> Embedded:
        """`tower.logits`."""
        return tower.logits(params, batch, keys=keys)
