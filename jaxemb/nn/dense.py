"""The linear map that every layer is made of."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Float32


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
        dtype = jnp.dtype(self.dtype)
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        # Rows are flattened because XLA's CPU backend transposes a whole operand for the kernel's
        # gradient when a product has several batch axes.
        rows = x.reshape(-1, x.shape[-1])
        y = matmul(rows.astype(dtype), kernel.astype(dtype)) + bias
        return y.astype(dtype).reshape(*x.shape[:-1], self.features)


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
    of_kernel = jax.lax.dot_general(
        x, slope, (((0,), (0,)), ((), ())), preferred_element_type=jnp.float32
    )
    return of_x.astype(x.dtype), of_kernel.astype(kernel.dtype)


matmul.defvjp(_forward, _backward)


def identity(
    key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> Float[Array, "width features"]:
    """Ones on the diagonal."""
    return jnp.eye(*shape, dtype=dtype)
