"""Poolings with parameters: learned queries that read tokens, or layers."""

import dataclasses
from typing import Annotated, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32

from jaxemb.config import AtLeast, UsageError
from jaxemb.nn import CrossAttention, GatedFeedForward, LayerNorm
from jaxemb.pooling.base import Pooling, last_layer, weighted_mean
from jaxemb.pooling.basic import Mean
from jaxemb.runtime.shapes import Depths, Pooled, TokenMask


class AttentionPooling(Pooling, kw_only=True):
    """A mean weighted by one learned query: `v = Σ_t softmax_t(q·h[t] / √width) h[t]`.

    Parameter `query [width]`, initially 0: the plain mean.

    Reference: Yang et al., Hierarchical Attention Networks for Document Classification, NAACL 2016.
    """

    aliases: ClassVar[tuple[str, ...]] = ("attention",)

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        h = jnp.where(mask[..., None], last_layer(states), 0.0)
        query = self.param("query", nn.initializers.zeros, h.shape[-1:])
        scores = h @ query * h.shape[-1] ** -0.5
        weights = jax.nn.softmax(jnp.where(mask, scores, jnp.finfo(jnp.float32).min))
        return weighted_mean(h, weights, mask)


class LatentBlock(nn.Module, kw_only=True):
    """Learned latents read a set of states; the mean of what they make of it.

    `z = q + attention(norm(q), norm(S))`, `v = mean_r (z + geglu(norm(z)))`, where the latents
    `q [latents, width]` are the queries and the states `S` keys and values. Values and output start
    as identities, so that an untrained block gives about the mean of the normalised states.
    """

    latents: Annotated[int, AtLeast(1)]
    heads: Annotated[int, AtLeast(1)]

    @nn.compact
    def __call__(
        self, states: Float32[Array, "batch states width"], mask: Bool[Array, "batch states"]
    ) -> Pooled:
        width = states.shape[-1]
        queries = self.param("latents", nn.initializers.normal(0.02), (self.latents, width))
        read = CrossAttention(heads=self.heads, name="attention")(
            LayerNorm(name="latent_norm")(queries),
            LayerNorm(name="state_norm")(states),
            mask,
        )
        z = queries + read
        feed_forward = GatedFeedForward(hidden=4 * width, name="feed_forward")
        made = feed_forward(LayerNorm(name="feed_forward_norm")(z), over=mean_of_latents)
        return mean_of_latents(z) + made


def mean_of_latents(z: Float[Array, "batch latents width"]) -> Float[Array, "batch width"]:
    """The plain mean over latents."""
    return jnp.mean(z, axis=1)


class LatentOverTokens(Pooling, kw_only=True):
    """A latent attention block over the last layer's real tokens.

    Attributes:
        latents: learned queries.
        heads: of their attention.

    Raises:
        UsageError: if the width is not a multiple of `heads`.

    Reference: Tang and Yang, Pooling And Attention: What Are Effective Designs For LLM-Based
    Embedding Models?, arXiv:2409.02727.
    """

    latents: Annotated[int, AtLeast(1)] = 16
    heads: Annotated[int, AtLeast(1)] = 4

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        tokens = jnp.where(mask[..., None], last_layer(states), 0.0)
        return LatentBlock(latents=self.latents, heads=self.heads, name="block")(tokens, mask)


class LatentOverLayers(Pooling, kw_only=True):
    """A latent attention block over one vector per layer, each marked by a learned layer position.

    `S[n] = summary(h_n) + position[n]` for the layers `n`, then the block over `S [layers, width]`.
    Called with the first layers only, it reads the first rows of `position`.

    Attributes:
        latents: learned queries.
        heads: of their attention.
        summary: tokens of one layer to its vector: `Mean` under a bidirectional mask, `LastToken`
            under a causal one.

    Raises:
        UsageError: if the width is not a multiple of `heads`, or more layers come than were
            initialised.

    Reference: Tang and Yang, Pooling And Attention: What Are Effective Designs For LLM-Based
    Embedding Models?, arXiv:2409.02727.
    """

    latents: Annotated[int, AtLeast(1)] = 16
    heads: Annotated[int, AtLeast(1)] = 4
    summary: Pooling = dataclasses.field(default_factory=Mean)

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Pooled:
        depth, batch = states.shape[:2]
        layers = jnp.stack([self.summary(states[n : n + 1], mask) for n in range(depth)], axis=1)
        layers = layers + self._positions(depth, layers.shape[-1])
        every = jnp.ones((batch, depth), bool)
        return LatentBlock(latents=self.latents, heads=self.heads, name="block")(layers, every)

    def _positions(self, depth: int, width: int) -> Float32[Array, "depth width"]:
        if not self.has_variable("params", "position"):
            return self.param("position", nn.initializers.normal(0.02), (depth, width))
        # Not `self.param`, which refuses any depth but the one that was initialised.
        table = self.get_variable("params", "position")
        if depth > table.shape[0]:
            raise UsageError(f"LatentOverLayers knows {table.shape[0]} layers, not {depth}.")
        return table[:depth]
