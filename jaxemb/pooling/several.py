"""Poolings that keep several vectors of a text: every token, or those that count."""

import math
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Int

from jaxemb.config import Above, AtMost, UsageError
from jaxemb.nn import Dense
from jaxemb.pooling.base import Pooling, last_layer
from jaxemb.pooling.layers import place
from jaxemb.runtime.shapes import Depths, TokenMask


class EachToken(Pooling, kw_only=True):
    """Nothing is pooled: one vector for each token, `[batch, tokens, width]`, 0 at padding.

    Example:
        >>> states, mask = jnp.ones((1, 1, 3, 2)), jnp.array([[True, True, False]])
        >>> EachToken().apply({}, states, mask).tolist()
        [[[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]]

    Reference: Khattab and Zaharia, ColBERT, arXiv:2004.12832.
    """

    def __call__(self, states: Depths, mask: TokenMask) -> Float32[Array, "batch tokens width"]:
        return jnp.where(mask[..., None], last_layer(states), 0)

    def items(self, mask: TokenMask) -> TokenMask:
        return mask


class SelectedTokens(Pooling, kw_only=True):
    """The tokens that score highest, in their order: a share of the text, `[batch, selected, width]`.

    `s[t] = w·relu(W e[t] + b)` scores the states `e` of a layer, and of a text of n tokens the last
    layer's states of the `⌈share n⌉` best are kept. To choose has no gradient: the scores learn
    where a decoder adds them to its attention. They leave by `sow("extra", "scores", ...)` as
    `s - stop_gradient(s) [batch, selected]`, the straight-through form: adding them, as the `bias` of
    `EncoderDecoderAttention`, changes no value and lets the gradient through.

    Attributes:
        share: of a text's tokens, above 0 and at most 1; one is always kept.
        layer: number of the state that is scored, from 0 on, or from the deepest back.

    Raises:
        UsageError: if `share` is out of range.

    Example:
        >>> states, mask = jnp.ones((2, 1, 8, 4)), jnp.arange(8) < jnp.array([[6]])
        >>> pooling = SelectedTokens(share=0.5)
        >>> v, _ = pooling.init_with_output(jax.random.key(0), states, mask)
        >>> v.shape, pooling.items(mask).tolist()
        ((1, 4, 4), [[True, True, True, False]])

    Reference: Qin and Van Durme, Nugget: Neural Agglomerative Embeddings of Text, arXiv:2310.01732.
    """

    share: Annotated[float, Above(0), AtMost(1)] = 0.1
    layer: int = -1

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Float32[Array, "batch selected width"]:
        h, real = last_layer(states), self.items(mask)
        scored = states[place(self.layer, len(states))].astype(jnp.float32)
        scores = self._scores(jnp.where(mask[..., None], scored, 0), mask)
        chosen = self._chosen(scores, mask, real)
        own = jnp.take_along_axis(scores, chosen, axis=1)
        self.sow("extra", "scores", jnp.where(real, own - jax.lax.stop_gradient(own), 0))
        return jnp.where(real[..., None], jnp.take_along_axis(h, chosen[..., None], axis=1), 0)

    def items(self, mask: TokenMask) -> Bool[Array, "batch selected"]:
        if not 0 < self.share <= 1:
            raise UsageError(f"share={self.share} must be above 0 and at most 1.")
        tokens = mask.shape[1]
        # Counted without rounding: a tenth of ten tokens is one, not two.
        counts = [math.ceil(self.share * n - 1e-9) for n in range(tokens + 1)]
        count = jnp.asarray([max(k, 1) if n else 0 for n, k in enumerate(counts)])[mask.sum(1)]
        return jnp.arange(max(counts[-1], 1)) < count[:, None]

    def _scores(self, e: Array, mask: Array) -> Float32[Array, "batch tokens"]:
        hidden = jax.nn.relu(Dense(features=e.shape[-1], name="hidden")(e))
        return jnp.where(mask, Dense(features=1, name="score")(hidden)[..., 0], -jnp.inf)

    def _chosen(self, scores: Array, mask: Array, real: Array) -> Int[Array, "batch selected"]:
        """Places of the best tokens, by place; what is not real stands last."""
        _, best = jax.lax.top_k(scores, real.shape[1])
        return jnp.sort(jnp.where(real, best, mask.shape[1] - 1), axis=1)
