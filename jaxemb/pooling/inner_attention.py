"""Poolings whose weights come from a small network of each token."""

from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxemb.config import AtLeast, Between
from jaxemb.nn import Dense
from jaxemb.pooling.base import Pooling, last_layer, weighted_mean
from jaxemb.runtime.shapes import Depths, TokenMask, Vectors


class InnerAttention(Pooling, kw_only=True):
    """Means with learned weights, side by side: `v = [Σ_t a₁[t] h[t], Σ_t a₂[t] h[t], …]`.

    `aₖ = softmax_t(tanh(W h[t] + b)·uₖ)`: each head looks for its own kind of token. The weights
    `[batch, heads, tokens]` leave by `sow("extra", "attention", ...)`, for a term that keeps heads
    apart. Parameters `project` and `query [hidden, heads]`, initially small: about plain means.

    Attributes:
        heads: means; the vector has as many times the width.
        hidden: features of `tanh(W h + b)`; None is the width.

    Example:
        >>> states, mask = jnp.ones((1, 2, 3, 8)), jnp.ones((2, 3), bool)
        >>> InnerAttention(heads=2).init_with_output(jax.random.key(0), states, mask)[0].shape
        (2, 16)

    Reference: Lin et al., A Structured Self-attentive Sentence Embedding, arXiv:1703.03130; Conneau
    et al., Supervised Learning of Universal Sentence Representations from Natural Language
    Inference Data, arXiv:1705.02364 (four heads).
    """

    heads: Annotated[int, AtLeast(1)] = 4
    hidden: Annotated[int, Between(1, 2**22)] | None = None

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Vectors:
        h = jnp.where(mask[..., None], last_layer(states), 0)
        hidden = self.hidden or h.shape[-1]
        query = self.param("query", nn.initializers.normal(0.02), (hidden, self.heads))
        scores = jnp.tanh(Dense(features=hidden, name="project")(h)) @ query
        scores = jnp.where(mask[..., None], scores, jnp.finfo(jnp.float32).min)
        weights = jnp.where(mask[..., None], jax.nn.softmax(scores, axis=1), 0)
        self.sow("extra", "attention", weights.swapaxes(1, 2))
        means = [weighted_mean(h, weights[..., k], mask) for k in range(self.heads)]
        return jnp.concatenate(means, axis=-1)
