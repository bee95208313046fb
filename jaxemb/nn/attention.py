"""Multi-head attention: of a sequence to itself, and of queries to another set of states."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float, Key

from jaxemb.config import UsageError
from jaxemb.nn.dense import Dense, DenseMap, branch, identity, side_by_side
from jaxemb.nn.dropout import Dropout


class SelfAttention(nn.Module, kw_only=True):
    """Each token reads the tokens it is allowed to: `softmax(Q Kᵀ / √k) V`, heads side by side.

    The output kernel starts small: in a residual branch the layer first adds little.

    Attributes:
        heads: parts of the width, each with its own attention.
        dropout: rate on the attention weights.
        dtype: of the products; parameters are float32 and the softmax is taken in float32.

    Raises:
        UsageError: if the width is not a multiple of `heads`.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    heads: int
    dropout: float = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch tokens width"],
        allowed: Bool[Array, "batch 1 queries tokens"],
        *,
        rotate: Callable = lambda x: x,
        keys: Key[Array, " batch"] | None = None,
    ) -> Float[Array, "batch tokens width"]:
        width = x.shape[-1]
        maps = [DenseMap(features=width, name=n)(width) for n in ("query", "key", "value")]
        parts = side_by_side(x, maps, self.dtype).reshape(*x.shape[:-1], 3, width)
        query, key, value = (split_heads(parts[..., n, :], self.heads) for n in range(3))
        weights = attention_weights(rotate(query), rotate(key), allowed)
        weights = Dropout(rate=self.dropout, name="dropout")(weights, keys).astype(value.dtype)
        y = merge_heads(jnp.einsum("bhqs,bhsk->bhqk", weights, value))
        output = Dense(features=width, dtype=self.dtype, kernel_init=branch, name="output")
        return output(y)


class CrossAttention(nn.Module, kw_only=True):
    """Queries, the same for every example, read its states: `softmax(Q Kᵀ / √k) V`, in heads.

    The result has the width of the queries. The value and output kernels start as identities, so
    that what is read first is the states themselves.

    Raises:
        UsageError: if the width is not a multiple of `heads`.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    heads: int

    @nn.compact
    def __call__(
        self,
        queries: Float[Array, "queries width"],
        states: Float[Array, "batch states features"],
        mask: Bool[Array, "batch states"],
    ) -> Float[Array, "batch queries width"]:
        width = queries.shape[-1]
        query = split_heads(Dense(features=width, name="query")(queries[None]), self.heads)
        key = split_heads(Dense(features=width, name="key")(states), self.heads)
        read = Dense(features=width, kernel_init=identity, name="value")
        value = split_heads(read(states), self.heads)
        weights = attention_weights(query, key, mask[:, None, None, :])
        y = merge_heads(jnp.einsum("bhqs,bhsk->bhqk", weights, value))
        return Dense(features=width, kernel_init=identity, name="output")(y)


def split_heads(
    x: Float[Array, "batch tokens width"], heads: int
) -> Float[Array, "batch {heads} tokens head_width"]:
    """Cuts the width into heads and moves them before the tokens."""
    if x.shape[-1] % heads:
        raise UsageError(
            f"A width of {x.shape[-1]} cannot be cut into {heads} heads of equal size."
        )
    return rearrange(x, "batch tokens (heads k) -> batch heads tokens k", heads=heads)


def merge_heads(
    x: Float[Array, "batch heads tokens head_width"],
) -> Float[Array, "batch tokens width"]:
    """Undoes `split_heads`."""
    return rearrange(x, "batch heads tokens k -> batch tokens (heads k)")


def attention_weights(
    query: Float[Array, "#batch heads queries head_width"],
    key: Float[Array, "batch heads states head_width"],
    allowed: Bool[Array, "batch 1 #queries states"],
) -> Float[Array, "batch heads queries states"]:
    """`softmax(Q Kᵀ / √k)` over the allowed states, in float32; queries may be shared by the batch.

    Where nothing is allowed (a row of padding) the weights are equal, hence finite.
    """
    # The queries are scaled, not the scores: for short texts there are fewer of them.
    query = query * jnp.asarray(query.shape[-1] ** -0.5, query.dtype)
    shared = query.shape[0] < key.shape[0]
    product, query = ("hqk,bhsk->bhqs", query[0]) if shared else ("bhqk,bhsk->bhqs", query)
    scores = jnp.einsum(product, query, key, preferred_element_type=jnp.float32)
    return jax.nn.softmax(jnp.where(allowed, scores, jnp.finfo(jnp.float32).min))
