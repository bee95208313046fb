"""Pointwise nonlinearities, each an object so that a recipe can name it."""

import abc
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxemb.config import Part


@dataclass(frozen=True, kw_only=True)
class Activation(Part, abc.ABC):
    """Slot: a pointwise function of an array of any shape."""

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Applies the function to every element."""


@dataclass(frozen=True, kw_only=True)
class GELU(Activation):
    """`x Φ(x)` by its tanh form, `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`.

    Reference: Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv:1606.08415.

    Example:
        >>> round(float(GELU()(jnp.float32(1.0))), 3)
        0.841
    """

    aliases: ClassVar[tuple[str, ...]] = ("gelu",)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.gelu(x, approximate=True)


@dataclass(frozen=True, kw_only=True)
class ExactGELU(Activation):
    """`x Φ(x)` with the error function; what BERT checkpoints were trained with.

    Reference: Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv:1606.08415.
    """

    aliases: ClassVar[tuple[str, ...]] = ("exact_gelu",)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.gelu(x, approximate=False)


@dataclass(frozen=True, kw_only=True)
class ReLU(Activation):
    """`max(x, 0)`."""

    aliases: ClassVar[tuple[str, ...]] = ("relu",)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.relu(x)


@dataclass(frozen=True, kw_only=True)
class SiLU(Activation):
    """`x sigmoid(x)`.

    Reference: Elfwing et al., Sigmoid-Weighted Linear Units, arXiv:1702.03118.
    """

    aliases: ClassVar[tuple[str, ...]] = ("silu", "swish")

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.silu(x)


@dataclass(frozen=True, kw_only=True)
class Tanh(Activation):
    """`tanh(x)`."""

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.tanh(x)
