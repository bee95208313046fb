"""The linear map that every layer is made of."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import Initializer
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Float32

from jaxemb.config import Between


class Adapter(NamedTuple):
    """What a low-rank adapter adds to a map: `scale (x a) b`."""

    a: Float[Array, "width rank"]
    b: Float[Array, "rank features"]
    scale: Float[Array, ""]


class Bottleneck(NamedTuple):
    """A small network that reads what a map gives and adds to it: `y + gelu(y D + d) U + u`."""

    down: Float[Array, "features narrow"]
    down_bias: Float[Array, " narrow"]
    up: Float[Array, "narrow features"]
    up_bias: Float[Array, " features"]

    def __call__(self, y: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        rows = y.reshape(-1, y.shape[-1])
        hidden = jax.nn.gelu(matmul(rows, self.down.astype(y.dtype)) + self.down_bias)
        added = matmul(hidden.astype(y.dtype), self.up.astype(y.dtype)) + self.up_bias
        return (rows + added.astype(y.dtype)).reshape(y.shape)


class Map(NamedTuple):
    """What a linear map consists of."""

    kernel: Float[Array, "width features"]
    bias: Float[Array, " features"] | None = None
    adapter: Adapter | None = None


class Dense(nn.Module, kw_only=True):
    """`y = x W + b` over the last axis, `[..., width] -> [..., features]`.

    Products are taken in `dtype` and summed in float32; parameters `kernel [width, features]` and
    `bias [features]` are float32. The result has `dtype`. Where the collection `adapters` holds
    `a [width, rank]`, `b [rank, features]` and `scale []` for it, `scale (x a) b` is added; where it
    holds a `Bottleneck`, that reads the result and is added to it.

    Attributes:
        bias_init: of `b`; None is for a map without one.

    Example:
        >>> layer, x = Dense(features=2), jnp.ones((1, 3))
        >>> variables = layer.init(jax.random.key(0), x)
        >>> beside = {"a": jnp.ones((3, 1)), "b": jnp.ones((1, 2)), "scale": jnp.float32(0.5)}
        >>> adapted = layer.apply({**variables, "adapters": beside}, x)
        >>> (adapted - layer.apply(variables, x)).round(3).tolist()
        [[1.5, 1.5]]

    Reference: of the adapters, Hu et al., LoRA, arXiv:2106.09685; Houlsby et al., Parameter-Efficient
    Transfer Learning for NLP, arXiv:1902.00751.
    """

    features: Annotated[int, Between(1, 2**22)]
    dtype: str = "float32"
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer | None = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch features"]:
        own = _parameters(self, x.shape[-1], self.features, self.kernel_init, self.bias_init)
        y = side_by_side(x, [own], self.dtype)
        if not self.has_variable("adapters", "down"):
            return y
        return Bottleneck(*(self.get_variable("adapters", n) for n in Bottleneck._fields))(y)


class DenseMap(nn.Module, kw_only=True):
    """The parameters that a `Dense` of the same name would have, for `side_by_side` to apply."""

    features: Annotated[int, Between(1, 2**22)]
    kernel_init: Initializer = nn.initializers.lecun_normal()
    bias_init: Initializer | None = nn.initializers.zeros

    @nn.compact
    def __call__(self, width: int) -> Map:
        return _parameters(self, width, self.features, self.kernel_init, self.bias_init)


def _parameters(
    module: nn.Module, width: int, features: int, kernel: Initializer, bias: Initializer | None
) -> Map:
    own = module.param("kernel", kernel, (width, features))
    offset = None if bias is None else module.param("bias", bias, (features,))
    if not module.has_variable("adapters", "a"):
        return Map(own, offset)
    adapter = Adapter(*(module.get_variable("adapters", name) for name in Adapter._fields))
    return Map(own, offset, adapter)


def side_by_side(
    x: Float[Array, "*batch width"], maps: Sequence[Map], dtype: DTypeLike = "float32"
) -> Float[Array, "*batch features"]:
    """What several linear maps make of one input, joined: one wide product is quicker than some.

    Example:
        >>> one, two = Map(jnp.eye(2), jnp.zeros(2)), Map(2 * jnp.eye(2), jnp.ones(2))
        >>> side_by_side(jnp.array([3.0, 4.0]), [one, two]).tolist()
        [3.0, 4.0, 7.0, 9.0]
    """
    dtype, maps = jnp.dtype(dtype), [Map(*own) for own in maps]
    # Rows are flattened because XLA's CPU backend transposes a whole operand for the kernel's
    # gradient when a product has several batch axes.
    rows = x.reshape(-1, x.shape[-1]).astype(dtype)
    y = matmul(rows, _joined([own.kernel for own in maps], axis=1).astype(dtype))
    if any(own.bias is not None for own in maps):
        y = y + _joined([_bias(own) for own in maps])
    if any(own.adapter is not None for own in maps):
        y = y + _joined([_adapted(rows, own) for own in maps], axis=1)
    return y.astype(dtype).reshape(*x.shape[:-1], y.shape[-1])


def each_of(
    x: Float[Array, "*batch width"], maps: Sequence[Map], dtype: DTypeLike = "float32"
) -> list[Float[Array, "*batch features"]]:
    """What each of several linear maps makes of one input.

    Example:
        >>> one, two = Map(jnp.eye(2), jnp.zeros(2)), Map(2 * jnp.eye(2), jnp.ones(2))
        >>> [y.tolist() for y in each_of(jnp.array([3.0, 4.0]), [one, two])]
        [[3.0, 4.0], [7.0, 9.0]]
    """
    if jax.default_backend() == "gpu":
        # There every product is wide enough, and cutting the result would copy it.
        return [side_by_side(x, [own], dtype) for own in maps]
    ends = np.cumsum([own.kernel.shape[1] for own in maps])[:-1]
    return jnp.split(side_by_side(x, maps, dtype), ends.tolist(), axis=-1)


def _joined(arrays: Sequence[Array], axis: int = 0) -> Array:
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays, axis=axis)


def _bias(own: Map) -> Array:
    return jnp.zeros(own.kernel.shape[1]) if own.bias is None else own.bias


def _adapted(rows: Array, own: Map) -> Array:
    if own.adapter is None:
        return jnp.zeros((len(rows), own.kernel.shape[1]))
    a, b, scale = own.adapter
    low = matmul(rows, a.astype(rows.dtype)).astype(rows.dtype)
    return scale * matmul(low, b.astype(rows.dtype))


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
