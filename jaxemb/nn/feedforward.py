"""The two-layer networks inside blocks, plain and gated."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Annotated, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxemb.config import Between, Part
from jaxemb.nn.activations import GELU, Activation
from jaxemb.nn.dense import Dense, branch
from jaxemb.nn.sizes import Sizes
from jaxemb.runtime.shapes import States

Layer = Literal["expand", "output"]
BOTH: tuple[Layer, ...] = ("expand", "output")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeedForwardForm(Part, abc.ABC):
    """Slot: the network of a block that acts at every token by itself."""

    @abc.abstractmethod
    def layer(self, sizes: Sizes, *, name: str) -> nn.Module:
        """The layer, `[..., width] -> [..., width]`."""

    def called(
        self,
        layer: nn.Module,
        x: States,
        real: Bool[Array, "#batch tokens"],
    ) -> States:
        """What the layer makes of `x`; `real` is False at padding, for a form that counts tokens."""
        return layer(x)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLP(FeedForwardForm):
    """Two maps with a nonlinearity between them; see `FeedForward`.

    Attributes:
        biases: which of the maps have one.
    """

    biases: tuple[Layer, ...] = BOTH

    def layer(self, sizes: Sizes, *, name: str) -> "FeedForward":
        return FeedForward(biases=self.biases, **sizes.feed_forward, name=name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GatedMLP(FeedForwardForm):
    """A product of two maps, one of them bent, and a third; see `GatedFeedForward`.

    With `SiLU` it is known as SwiGLU, with `GELU` as GEGLU, with `ReLU` as ReGLU.

    Attributes:
        biases: which of the maps have one.

    Reference: Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202.
    """

    biases: tuple[Layer, ...] = ()

    def layer(self, sizes: Sizes, *, name: str) -> "GatedFeedForward":
        return GatedFeedForward(biases=self.biases, **sizes.feed_forward, name=name)


class FeedForward(nn.Module, kw_only=True):
    """`W₂ a(W₁ x + b₁) + b₂` at every position, `[..., width] -> [..., width]`.

    The last kernel starts small: in a residual branch the layer first adds little.

    Attributes:
        hidden: features between the two maps.
        activation: `a`.
        dtype: of the products.
        biases: which of the maps have one.
    """

    hidden: Annotated[int, Between(1, 2**22)]
    activation: Activation = GELU()
    dtype: str = "float32"
    biases: tuple[Layer, ...] = BOTH

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch width"]:
        expand, output = _maps(self, self.hidden, x.shape[-1])
        # Recomputed in the backward pass: cheaper than keeping what the activation computes inside.
        return output(jax.checkpoint(self.activation)(expand(x)))


class GatedFeedForward(nn.Module, kw_only=True):
    """`W₃ (a(W₁ x) ⊙ W₂ x)` at every position, `[..., width] -> [..., width]`.

    `expand` is `[W₁, W₂]`. The last kernel starts small: in a residual branch the layer first adds
    little.

    Attributes:
        hidden: features between the maps.
        activation: `a`; with GELU this is GEGLU.
        dtype: of the products.
        biases: which of the maps have one.

    Reference: Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202.
    """

    hidden: Annotated[int, Between(1, 2**22)]
    activation: Activation = GELU()
    dtype: str = "float32"
    biases: tuple[Layer, ...] = BOTH

    @nn.compact
    def __call__(
        self, x: Float[Array, "*batch width"], *, over: Callable[[Array], Array] = lambda h: h
    ) -> Float[Array, "*_ width"]:
        """`over` may be a mean over positions, taken before `W₃`.

        That is linear: the mean of what it gives is what it gives for the mean, at one position's price.
        """
        expand, output = _maps(self, 2 * self.hidden, x.shape[-1])
        gate, value = jnp.split(expand(x), 2, axis=-1)
        return output(over(self.activation(gate) * value))


def _maps(module: FeedForward | GatedFeedForward, hidden: int, width: int) -> tuple[Dense, Dense]:
    def dense(name: Layer, features: int, **more) -> Dense:
        bias = nn.initializers.zeros if name in module.biases else None
        return Dense(features=features, dtype=module.dtype, bias_init=bias, name=name, **more)

    return dense("expand", hidden), dense("output", width, kernel_init=branch)
