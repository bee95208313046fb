"""The linear map that every layer is made of."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Float32

Map = tuple[Float32[Array, "width _"], Float32[Array, " _"]]
"""Kernel and bias."""


class Dense(nn.Module, kw_only=True):
    """`y = x W + b` over the last axis, `[..., width] -> [..., features]`.

    Products are taken in `dtype` and summed in float32; parameters `kernel [width, features]` and
    `bias [features]` are float32. The result has `dtype`.
    """

    features: int
    dtype: str = "float32"
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch features"]:
        shape = x.shape[-1], self.features
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return _mapped(x, (kernel, bias), self.dtype)


class DenseMap(nn.Module, kw_only=True):
    """The parameters that a `Dense` of the same name would have, for `side_by_side` to apply."""

    features: int
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, width: int) -> Map:
        kernel = self.param("kernel", self.kernel_init, (width, self.features))
        return kernel, self.param("bias", nn.initializers.zeros, (self.features,))


def side_by_side(
    x: Float[Array, "*batch width"], maps: Sequence[Map], dtype: str = "float32"
) -> Float[Array, "*batch features"]:
    """What several linear maps make of one input, joined: one wide product is quicker than some.

    Example:
        >>> one, two = (jnp.eye(2), jnp.zeros(2)), (2 * jnp.eye(2), jnp.ones(2))
        >>> side_by_side(jnp.array([3.0, 4.0]), [one, two]).tolist()
        [3.0, 4.0, 7.0, 9.0]
    """
    kernels, biases = zip(*maps, strict=True)
    return _mapped(x, (jnp.concatenate(kernels, axis=1), jnp.concatenate(biases)), dtype)


def _mapped(x: Array, map_: Map, dtype: DTypeLike) -> Array:
    kernel, bias = map_
    dtype = jnp.dtype(dtype)
    # Rows are flattened because XLA's CPU backend transposes a whole operand for the kernel's
    # gradient when a product has several batch axes.
    rows = x.reshape(-1, x.shape[-1])
    y = matmul(rows.astype(dtype), kernel.astype(dtype)) + bias
    return y.astype(dtype).reshape(*x.shape[:-1], bias.size)


# What residual branches end in: half of what keeps variance. An untrained state is then near its
# token's vector, and yet the last one has read the others already; from zeros, pooling by the last
# token would start with one vector for all texts. A mean of untrained states scores below the bag.
branch = nn.initializers.variance_scaling(0.25, "fan_in", "truncated_normal")


@jax.custom_vjp
def matmul(
    x: Float[Array, "rows width"], kernel: Float[Array, "width features"]
) -> Float32[Array, "rows features"]:
    """`x W`, summed in float32.

    In bfloat16 the gradients' products are in bfloat16 too, and summed in float32: differentiating
    a product with a wider result would otherwise promote both operands.
    """
    return jnp.matmul(x, kernel, preferred_element_type=jnp.float32)


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return matmul(x, kernel), (x, kernel)


def _backward(saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    x, kernel = saved
    slope = slope.astype(x.dtype)
    of_x = jax.lax.dot_general(
        slope, kernel, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32
    )
    return of_x.astype(x.dtype), _over_rows(x, slope).astype(kernel.dtype)


matmul.defvjp(_forward, _backward)


def _over_rows(
    x: Float[Array, "rows width"], slope: Float[Array, "rows features"]
) -> Float32[Array, "width features"]:
    """`xᵀ slope`. The narrower one goes first: on CPU the other order takes half as long again."""
    if x.shape[1] <= slope.shape[1]:
        return jax.lax.dot_general(x, slope, _ROWS, preferred_element_type=jnp.float32)
    swapped = jax.lax.dot_general(slope, x, _ROWS, preferred_element_type=jnp.float32)
    return jax.lax.optimization_barrier(swapped).T  # or XLA would undo the swap


_ROWS = (((0,), (0,)), ((), ()))


def identity(
    key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> Float[Array, "width features"]:
    """Ones on the diagonal."""
    return jnp.eye(*shape, dtype=dtype)
