"""Weights of a vocabulary's words, read off what a language model would predict at each token."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32

from jaxemb.heads import LanguageModelHead, Output
from jaxemb.pooling.base import Pooling, last_layer
from jaxemb.runtime.shapes import Depths, TokenMask


class VocabularyMax(Pooling, kw_only=True):
    """One weight per piece of the vocabulary, mostly 0 once trained.

    `y_v = max_t log(1 + max(0, logits_tv))` over the real tokens; a text without any gives zeros.

    Attributes:
        output: hidden states to logits `[batch, tokens, vocabulary]`; by default tied to the token
            table.

    Example:
        >>> table = jnp.eye(3)
        >>> states = jnp.array([[[[2.0, -1.0, 0.0], [0.0, 1.0, 0.0]]]])
        >>> weights = VocabularyMax().apply({"tied": {"table": table}}, states, jnp.ones((1, 2), bool))
        >>> weights.round(3).tolist()
        [[1.099, 0.693, 0.0]]

    Reference: Formal et al., SPLADE v2, arXiv:2109.10086.
    """

    output: Output = dataclasses.field(default_factory=LanguageModelHead)

    @nn.compact
    def __call__(self, states: Depths, mask: TokenMask) -> Float32[Array, "batch vocabulary"]:
        nn.share_scope(self, self.output)
        weights = jnp.log1p(nn.relu(self.output(last_layer(states))))
        return self.over_tokens(jnp.where(mask[..., None], weights, 0.0))

    def over_tokens(
        self, weights: Float32[Array, "batch tokens vocabulary"]
    ) -> Float32[Array, "batch vocabulary"]:
        """The weights of a text, from those of its tokens, 0 at padding."""
        return jnp.max(weights, axis=1)


class VocabularySum(VocabularyMax, kw_only=True):
    """The same with a sum over tokens: `y_v = Σ_t log(1 + max(0, logits_tv))`.

    Attributes:
        output: as in `VocabularyMax`.

    Example:
        >>> table = jnp.eye(3)
        >>> states = jnp.array([[[[2.0, -1.0, 0.0], [2.0, 1.0, 0.0]]]])
        >>> weights = VocabularySum().apply({"tied": {"table": table}}, states, jnp.ones((1, 2), bool))
        >>> weights.round(3).tolist()
        [[2.197, 0.693, 0.0]]

    Reference: Formal, Piwowarski and Clinchant, SPLADE, arXiv:2107.05720.
    """

    def over_tokens(
        self, weights: Float32[Array, "batch tokens vocabulary"]
    ) -> Float32[Array, "batch vocabulary"]:
        return jnp.sum(weights, axis=1)
