"""What every head is, and those that need nothing else."""

import abc
import dataclasses
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32

from jaxemb.config import Above, Between, Part, UsageError, smaller
from jaxemb.nn import Activation, LayerNorm, Norm, Tanh


class Head(nn.Module, Part, abc.ABC):
    """Slot: pooled vectors to the vectors the model returns, in float32."""

    @abc.abstractmethod
    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch dim"]:
        """Maps each vector by itself."""


class Identity(Head, kw_only=True):
    """Leaves the vectors as they are."""

    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch width"]:
        return vectors


class Normalize(Head, kw_only=True):
    """Scales to unit length: `y = v / max(‖v‖₂, epsilon)`; a zero vector stays zero.

    Example:
        >>> y = Normalize().apply({}, jnp.array([[3.0, 4.0]]))
        >>> [round(x, 3) for x in y[0].tolist()]
        [0.6, 0.8]
    """

    epsilon: Annotated[float, Above(0)] = 1e-12

    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch width"]:
        return _unit(vectors, self.epsilon)


def _unit(
    vectors: Float32[Array, "*batch width"], epsilon: float
) -> Float32[Array, "*batch width"]:
    # The bound is on the square: the root's gradient at 0 is infinite.
    square = jnp.sum(vectors * vectors, axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(jnp.maximum(square, epsilon**2))


class Linear(Head, kw_only=True):
    """`y = v W + b`; parameters `kernel [width, dim]` and `bias [dim]`.

    Attributes:
        dim: features of the result.
    """

    dim: Annotated[int, Between(1, 2**22)] = 128

    @nn.compact
    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch dim"]:
        shape = (vectors.shape[-1], self.dim)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        y = vectors @ kernel + self.param("bias", nn.initializers.zeros, (self.dim,))
        if not self.has_variable("adapters", "a"):
            return y
        a, b, scale = (self.get_variable("adapters", name) for name in ("a", "b", "scale"))
        return y + scale * ((vectors @ a) @ b)

    def small(self) -> "Linear":
        return smaller(self, dim=16)


class FirstNumbers(Head, kw_only=True):
    """The first numbers of a vector at unit length: `y = v[:dim] / ‖v[:dim]‖`.

    The dimension of weights that are there already, as a slot of a sweep:
    `head=first_numbers(dim=64),first_numbers(dim=384)`.

    Attributes:
        dim: how many numbers are kept.

    Raises:
        UsageError: the vectors have fewer.

    Example:
        >>> FirstNumbers(dim=1).apply({}, jnp.array([[3.0, 4.0]])).tolist()
        [[1.0]]

    Reference: Kusupati et al., Matryoshka Representation Learning, arXiv:2205.13147.
    """

    dim: Annotated[int, Between(1, 2**22)] = 12

    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch dim"]:
        if vectors.shape[-1] < self.dim:
            raise UsageError(
                f"dim={self.dim} is above the width of the vectors, {vectors.shape[-1]}."
            )
        return _unit(vectors[..., : self.dim], Normalize.epsilon)

    def small(self) -> "FirstNumbers":
        return smaller(self, dim=8)


class Activated(Head, kw_only=True):
    """A pointwise function of every number, `y = a(v)`; after a `Linear` it makes a layer.

    Example:
        >>> from jaxemb.nn import ReLU
        >>> Activated(activation=ReLU()).apply({}, jnp.array([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    activation: Activation = Tanh()

    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch width"]:
        return self.activation(vectors)


class Normed(Head, kw_only=True):
    """A norm of each vector's numbers, such as `layer_norm`, with its trained scale and bias."""

    norm: Norm = dataclasses.field(default_factory=LayerNorm)

    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch width"]:
        return self.norm(vectors)


class Chain(Head, kw_only=True):
    """Heads one after the other, `y = headₙ(… head₁(v))`.

    Example:
        >>> head = Chain(heads=(Linear(dim=3), Normalize()))
        >>> y, _ = head.init_with_output(jax.random.key(0), jnp.ones((2, 5)))
        >>> y.shape, [round(x, 3) for x in jnp.linalg.norm(y, axis=1).tolist()]
        ((2, 3), [1.0, 1.0])
    """

    heads: tuple[Head, ...] = ()

    def __call__(self, vectors: Float32[Array, "*batch width"]) -> Float32[Array, "*batch dim"]:
        for head in self.heads:
            vectors = head(vectors)
        return vectors
