"""The one door to attention: scores, softmax and the sum of values, by the quickest way there is."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

# What cuDNN's attention takes: half precision and heads of so many features at most.
_HALF = (jnp.dtype("bfloat16"), jnp.dtype("float16"))
_WIDEST = 128


def attend(
    query: Float[Array, "batch heads queries k"],
    key: Float[Array, "batch groups states k"],
    value: Float[Array, "batch groups states k"],
    allowed: Bool[Array, "#batch #heads #queries states"],
    *,
    bias: Float[Array, "#batch heads queries states"] | None = None,
    scale: float | None = None,
    soft_cap: float | None = None,
    drop: Callable[[Array], Array] | None = None,
) -> Float[Array, "batch heads queries k"]:
    """`softmax(cap(s Q Kᵀ) + bias) V` over the states that are allowed.

    `heads` is a multiple of `groups`: neighbouring heads of a query read the same keys and values.
    Where nothing is allowed (a row of padding) the result is finite.

    Args:
        bias: added to the scores, such as relative positions.
        scale: `s`; None is `1 / √k`.
        soft_cap: `cap(x) = c tanh(x / c)`; None leaves the scores as they are.
        drop: dropout of the weights.

    Example:
        >>> q, k = jnp.ones((1, 4, 3, 8)), jnp.ones((1, 2, 3, 8))
        >>> attend(q, k, k, jnp.ones((1, 1, 1, 3), bool)).shape
        (1, 4, 3, 8)
    """
    if drop is None and soft_cap is None and _fits_cudnn(query):
        *read, bias = even_lengths(query, key, value, allowed, bias)
        y = fused(*read, bias=bias, scale=scale, implementation="cudnn")
        return y[:, :, : query.shape[2]]
    key, value = (_repeated(x, query.shape[1]) for x in (key, value))
    weights = attention_weights(query, key, allowed, bias=bias, scale=scale, soft_cap=soft_cap)
    weights = weights if drop is None else drop(weights)
    return jnp.einsum("bhqs,bhsk->bhqk", weights.astype(value.dtype), value)


def attention_weights(
    query: Float[Array, "#batch heads queries head_width"],
    key: Float[Array, "batch heads states head_width"],
    allowed: Bool[Array, "#batch #heads #queries states"],
    *,
    bias: Float[Array, "#batch heads queries states"] | None = None,
    scale: float | None = None,
    soft_cap: float | None = None,
) -> Float[Array, "batch heads queries states"]:
    """`softmax(cap(s Q Kᵀ) + bias)` over the allowed states, in float32; see `attend`.

    Queries may be shared by the batch. Where nothing is allowed the weights are equal, hence finite.
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    # The queries are scaled, not the scores: for short texts there are fewer of them.
    query = query * jnp.asarray(scale, query.dtype)
    shared = query.shape[0] < key.shape[0]
    product, query = ("hqk,bhsk->bhqs", query[0]) if shared else ("bhqk,bhsk->bhqs", query)
    scores = jnp.einsum(product, query, key, preferred_element_type=jnp.float32)
    if soft_cap is not None:
        scores = soft_cap * jnp.tanh(scores / soft_cap)
    if bias is not None:
        scores = scores + bias
    return jax.nn.softmax(jnp.where(allowed, scores, jnp.finfo(jnp.float32).min))


def fused(
    query: Float[Array, "batch heads queries k"],
    key: Float[Array, "batch groups states k"],
    value: Float[Array, "batch groups states k"],
    allowed: Bool[Array, "#batch #heads #queries states"],
    *,
    bias: Float[Array, "#batch heads queries states"] | None = None,
    scale: float | None = None,
    implementation: str,
) -> Float[Array, "batch heads queries k"]:
    """The same by `jax.nn.dot_product_attention`, which keeps no scores in memory on a GPU."""
    rows, _, queries, _ = query.shape
    allowed = jnp.broadcast_to(allowed, (rows, allowed.shape[1], queries, allowed.shape[3]))
    y = jax.nn.dot_product_attention(
        *(x.swapaxes(1, 2) for x in (query, key, value)),
        bias=None if bias is None else bias.astype(query.dtype),
        mask=allowed,
        scale=scale,
        implementation=implementation,
    )
    return y.swapaxes(1, 2)


def even_lengths(
    query: Float[Array, "batch heads queries k"],
    key: Float[Array, "batch groups states k"],
    value: Float[Array, "batch groups states k"],
    allowed: Bool[Array, "#batch #heads #queries states"],
    bias: Float[Array, "#batch heads queries states"] | None = None,
) -> tuple[Array, Array, Array, Array, Array | None]:
    """The same with one more query and one more state that none may read, where a length is odd.

    The gradient by cuDNN refuses odd lengths.

    Example:
        >>> q, allowed = jnp.ones((1, 4, 3, 8)), jnp.ones((1, 1, 1, 3), bool)
        >>> [x.shape[-2:] for x in even_lengths(q, q, q, allowed)[:4]]
        [(4, 8), (4, 8), (4, 8), (1, 4)]
    """
    queries, states = query.shape[2] % 2, key.shape[2] % 2

    def longer(x: Array, third: int, fourth: int = 0) -> Array:
        return jnp.pad(x, ((0, 0), (0, 0), (0, third), (0, fourth)))

    # One row of a mask stands for every query.
    rows = queries if allowed.shape[2] > 1 else 0
    return (
        longer(query, queries), longer(key, states), longer(value, states),
        longer(allowed, rows, states), None if bias is None else longer(bias, queries, states),
    )  # fmt: skip


def _fits_cudnn(query: Array) -> bool:
    width = query.shape[-1]
    on_gpu = jax.default_backend() == "gpu"
    return on_gpu and query.dtype in _HALF and width % 8 == 0 and width <= _WIDEST


def _repeated(x: Float[Array, "batch groups states k"], heads: int) -> Array:
    groups = x.shape[1]
    return x if groups == heads else jnp.repeat(x, heads // groups, axis=1)
