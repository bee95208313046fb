"""Convolutional encoders: stacked, and with windows of several sizes side by side."""

from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxemb.config import AtLeast, Below, Between, UsageError
from jaxemb.encoders.base import LayeredEncoder
from jaxemb.encoders.single import SingleStateEncoder
from jaxemb.nn import Activation, Convolution, Dropout, ReLU
from jaxemb.runtime.shapes import Depths, States, TokenMask


class Convolutional(LayeredEncoder, kw_only=True):
    """Convolutions one upon the other, `hₙ = a(convₙ(hₙ₋₁))`, `h₀ = x`, `states[n-1] = hₙ`.

    The hierarchical convolutional network reads the largest values of every layer:
    `LayerConcatenation(layers=4, inner=Max())`.

    Attributes:
        layers: convolutions; each sees `window - 1` tokens further.
        width: of the token vectors and the states.
        window: tokens that one state of a layer is computed from.
        activation: `a`.
        dropout: rate on what each convolution reads.
        dtype: of products and activations by name; parameters are float32.

    Example:
        >>> import jax
        >>> x, mask = jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> Convolutional(layers=4, width=8).init_with_output(jax.random.key(0), x, mask)[0].shape
        (4, 2, 5, 8)

    Reference: Zhao, Lu and Poupart, Self-Adaptive Hierarchical Sentence Model, IJCAI 2015; Conneau et
    al., Supervised Learning of Universal Sentence Representations from Natural Language Inference
    Data, arXiv:1705.02364.
    """

    layers: Annotated[int, Between(0, 1000)] = 4
    width: Annotated[int, Between(1, 2**22)] = 128
    window: Annotated[int, AtLeast(1)] = 3
    activation: Activation = ReLU()
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.1
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Depths:
        x, states = x.astype(jnp.dtype(self.dtype)), []
        for n in range(self.layers):
            x = Dropout(rate=self.dropout, name=f"dropout_{n}")(x, keys)
            layer = Convolution(features=self.width, window=self.window, name=f"layer_{n}")
            x = jnp.where(mask[..., None], self.activation(layer(x, mask)), 0)
            states.append(x)
        return jnp.stack(states)


class ConvolutionWindows(SingleStateEncoder, kw_only=True):
    """Convolutions of several windows over the same tokens, `h = [a(conv₁(x)), a(conv₂(x)), …]`.

    Read by the pooling `Max`, each feature is a detector of an n-gram anywhere in the text.

    Attributes:
        width: of the token vectors.
        windows: tokens that each convolution sees.
        features: of each convolution; None shares the width among them.
        activation: `a`.
        dropout: rate on the token vectors.
        dtype: of products and activations by name; parameters are float32.

    Raises:
        UsageError: if there are no windows, or `features` is None and the width cannot be shared.

    Example:
        >>> import jax
        >>> encoder = ConvolutionWindows(width=8, windows=(2, 3), features=5)
        >>> x, mask = jnp.ones((2, 6, 8)), jnp.ones((2, 6), bool)
        >>> encoder.init_with_output(jax.random.key(0), x, mask)[0].shape
        (1, 2, 6, 10)

    Reference: Kim, Convolutional Neural Networks for Sentence Classification, arXiv:1408.5882.
    """

    width: Annotated[int, Between(1, 2**22)] = 128
    windows: Annotated[tuple[int, ...], AtLeast(1)] = (1, 3, 5)
    features: Annotated[int, Between(1, 2**22)] | None = None
    activation: Activation = ReLU()
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.1
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: TokenMask,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "1 batch tokens dim"]:
        features = self._features()
        x = Dropout(rate=self.dropout, name="dropout")(x.astype(jnp.dtype(self.dtype)), keys)
        found = [
            Convolution(features=features, window=window, name=f"window_{n}")(x, mask)
            for n, window in enumerate(self.windows)
        ]
        states = self.activation(jnp.concatenate(found, axis=-1))
        return jnp.where(mask[..., None], states, 0)[None]

    def _features(self) -> int:
        if not self.windows:
            raise UsageError("convolution_windows needs windows, as in windows=(1, 3, 5).")
        if self.features is None and self.width % len(self.windows):
            raise UsageError(
                f"A width of {self.width} cannot be shared among {len(self.windows)} windows; "
                "give features."
            )
        return self.features or self.width // len(self.windows)
