"""What every pooling is, and the reductions over real tokens that they share."""

import abc
import dataclasses
from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Shaped

from jaxemb.config import Part
from jaxemb.runtime.shapes import Depths, Pooled, TokenMask, Vectors


class Pooling(nn.Module, Part, abc.ABC):
    """Slot: hidden states of every depth to one float32 vector for each example, or to several.

    Padding never matters, whatever the states hold there; a row without a real token gives a
    finite vector. A pooling that gives several vectors, `[batch, items, dim]`, says by `items` which
    of them are real. One that chooses tokens by what they are asks the batch by `told`.
    """

    @abc.abstractmethod
    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        """Pools `states`; `mask` is True on real tokens."""

    def items(self, mask: TokenMask) -> Bool[Array, "batch *items"] | None:
        """Which of the vectors of an example are real; None where there is one, which always is."""
        return None

    def told(self, name: str) -> Shaped[Array, "batch tokens"] | None:
        """What the batch says of each token: its `"ids"`, or whether it is of the `"prompt"`.

        That stands in the collection `batch` of the outermost pooling, whatever wraps this one:
        `pooling.apply({"batch": {"ids": ids}}, states, mask)`. None where nothing was said.
        """
        return None if self.scope is None else self.scope.root.get_variable("batch", name)

    @property
    def reads_prompt(self) -> bool:
        """Whether batches have to say which tokens are the prompt's: where a pooling inside asks."""
        return any(one.reads_prompt for one in self._inside())

    def _inside(self) -> Iterator["Pooling"]:
        for field in dataclasses.fields(self):
            value = None if field.name == "parent" else getattr(self, field.name)
            parts = value if isinstance(value, tuple) else (value,)
            yield from (part for part in parts if isinstance(part, Pooling))


def last_layer(
    states: Depths,
) -> Float32[Array, "batch tokens width"]:
    """The deepest states in float32.

    A static slice, so that the compiler drops the norms of the depths that are not read.
    """
    deepest = jax.lax.index_in_dim(states, states.shape[0] - 1, axis=0, keepdims=False)
    return deepest.astype(jnp.float32)


def weighted_mean(
    x: Float32[Array, "batch tokens width"],
    weights: Float32[Array, "batch tokens"],
    mask: TokenMask,
) -> Pooled:
    """`Σ w x / Σ w` over the real tokens; 0 where there is none."""
    weights = jnp.where(mask, weights, 0.0)
    total = jnp.maximum(weights.sum(1, keepdims=True), jnp.finfo(jnp.float32).tiny)
    clean = jnp.where(mask[..., None], x, 0.0)
    return jnp.sum(clean * (weights / total)[..., None], axis=1)
