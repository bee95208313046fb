"""Recurrent encoders: stacked, refined pass by pass, and with the words between their contexts."""

import dataclasses
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key

from jaxemb.config import AtLeast, Below, Between, UsageError
from jaxemb.encoders.base import LayeredEncoder
from jaxemb.encoders.single import SingleStateEncoder
from jaxemb.nn import (
    LSTM,
    Activation,
    BothWays,
    Cell,
    Dense,
    Direction,
    Dropout,
    LeftToRight,
    Recurrence,
    Tanh,
)
from jaxemb.runtime.shapes import States, TokenMask


class RecurrentEncoder(LayeredEncoder, kw_only=True):
    """Base of encoders that are made of recurrences.

    Attributes:
        layers: recurrences.
        width: of the token vectors.
        hidden: features of the state of each pass; None shares the width among the passes.
        cell: what is done at a token.
        direction: which way the text is read.
        dropout: rate on what each recurrence reads.
    """

    width: Annotated[int, Between(1, 2**22)] = 128
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    cell: Cell = LSTM()
    direction: Direction = LeftToRight()
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.1

    def _recurrence(self, n: int) -> Recurrence:
        passes = len(self.direction.backwards)
        if self.hidden is None and self.width % passes:
            raise UsageError(
                f"A width of {self.width} cannot be shared among {passes} passes; give hidden."
            )
        features = self.hidden or self.width // passes
        return Recurrence(
            features=features, cell=self.cell, direction=self.direction, name=f"layer_{n}"
        )

    def _dropped(self, n: int, x: Array, keys: Array | None) -> Array:
        return Dropout(rate=self.dropout, name=f"dropout_{n}")(x, keys)


class Recurrent(RecurrentEncoder, kw_only=True):
    """Recurrences one upon the other, `h⁰ = x`, `hⁿₜ = cell(hⁿₜ₋₁, hⁿ⁻¹ₜ)`, `states[n-1] = hⁿ`.

    With `direction=BothWays()` and the pooling `Max` it is the BiLSTM-max of natural language
    inference; the last state of a bidirectional one is read by `BothEnds`. A state has `hidden`
    features from each pass, so the states may be wider than the token vectors. In float32.

    Raises:
        UsageError: if `hidden` is None and the passes cannot share the width evenly.

    Example:
        >>> encoder = Recurrent(layers=2, width=4, hidden=3, direction=BothWays())
        >>> x, mask = jnp.ones((2, 5, 4)), jnp.ones((2, 5), bool)
        >>> states, variables = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(variables["params"]["layer_0"])
        ((2, 2, 5, 6), ['backward', 'forward'])

    Reference: Conneau et al., Supervised Learning of Universal Sentence Representations from
    Natural Language Inference Data, arXiv:1705.02364.
    """

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float32[Array, "depth batch tokens dim"]:
        states = []
        for n in range(self.layers):
            x, _ = self._recurrence(n)(self._dropped(n, x, keys), mask)
            states.append(x)
        return jnp.stack(states)


class IterativeRefinement(RecurrentEncoder, kw_only=True):
    """Recurrences that all read the token vectors; each starts with what the one before carries.

    `hⁿ, carryₙ = recurrenceₙ(x, start=carryₙ₋₁)`, `states[n-1] = hⁿ`, `carry₀ = 0`. The vector of a
    text is `LayerConcatenation(layers=3, inner=Max())`: the largest values of every pass.

    Raises:
        UsageError: if `hidden` is None and the passes cannot share the width evenly.

    Example:
        >>> encoder = IterativeRefinement(width=4)
        >>> x, mask = jnp.ones((2, 5, 4)), jnp.ones((2, 5), bool)
        >>> encoder.init_with_output(jax.random.key(0), x, mask)[0].shape
        (3, 2, 5, 4)

    Reference: Talman, Yli-Jyrä and Tiedemann, Sentence Embeddings in NLI with Iterative Refinement
    Encoders, arXiv:1808.08762.
    """

    layers: Annotated[int, Between(0, 1000)] = 3
    direction: Direction = BothWays()

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float32[Array, "depth batch tokens dim"]:
        states, carries = [], None
        for n in range(self.layers):
            h, carries = self._recurrence(n)(self._dropped(n, x, keys), mask, carries)
            states.append(h)
        return jnp.stack(states)


class RecurrentConvolutional(SingleStateEncoder, kw_only=True):
    """Each word between what stands left and right of it, `yᵢ = a(W [lᵢ; xᵢ; rᵢ] + b)`.

    `lᵢ = a(W_l lᵢ₋₁ + W_sl xᵢ₋₁)` has read the words before it, `rᵢ = a(W_r rᵢ₊₁ + W_sr xᵢ₊₁)` those
    after it; at the ends of the text they are learned vectors. The recurrence takes the place of a
    convolution's window. Read by the pooling `Max`. In float32.

    Attributes:
        width: of the token vectors.
        context: features of `l` and of `r`.
        hidden: features of `y`; None is the width.
        activation: `a`.
        dropout: rate on the token vectors.

    Example:
        >>> encoder = RecurrentConvolutional(width=4, context=3, hidden=6)
        >>> x, mask = jnp.ones((2, 5, 4)), jnp.ones((2, 5), bool)
        >>> encoder.init_with_output(jax.random.key(0), x, mask)[0].shape
        (1, 2, 5, 6)

    Reference: Lai et al., Recurrent Convolutional Neural Networks for Text Classification, AAAI
    2015; Lai, Word and Document Embeddings based on Neural Network Approaches, arXiv:1611.05962.
    """

    width: Annotated[int, Between(1, 2**22)] = 128
    context: Annotated[int, AtLeast(1)] = 64
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    activation: Activation = dataclasses.field(default_factory=Tanh)
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.1

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float32[Array, "1 batch tokens dim"]:
        x = Dropout(rate=self.dropout, name="dropout")(x, keys)
        x = jnp.where(mask[..., None], x, 0).astype(jnp.float32)
        left = self._context("left", x, mask, backwards=False)
        right = self._context("right", x, mask, backwards=True)
        output = Dense(features=self.hidden or self.width, name="output")
        y = self.activation(output(jnp.concatenate([left, x, right], axis=-1)))
        return jnp.where(mask[..., None], y, 0)[None]

    def _context(self, side: str, x: Array, mask: Array, *, backwards: bool) -> Array:
        """What has been read before each token, itself not included."""
        boundary = self.param(f"{side}_boundary", nn.initializers.normal(0.02), (self.context,))
        kernel = self.param(
            f"{side}_recurrence", nn.initializers.orthogonal(), (self.context, self.context)
        )
        words = Dense(features=self.context, name=f"{side}_words")(x)

        def step(context, inputs):
            word, real = inputs
            after = self.activation(context @ kernel + word)
            return jnp.where(real[:, None], after, context), context

        start = jnp.broadcast_to(boundary, (len(x), self.context))
        along = words.swapaxes(0, 1), mask.swapaxes(0, 1)
        _, contexts = jax.lax.scan(step, start, along, reverse=backwards)
        return contexts.swapaxes(0, 1)
