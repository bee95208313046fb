"""Multi-head attention: of a sequence to itself, and of queries to another set of states."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Annotated, Literal

import flax.linen as nn
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Bool, Float, Key

from jaxemb.config import Above, AtLeast, Below, Part, UsageError
from jaxemb.nn.dense import Dense, DenseMap, branch, each_of, identity
from jaxemb.nn.dropout import Dropout
from jaxemb.nn.kernels import attend, attention_weights
from jaxemb.nn.norm import NoNorm, Norm
from jaxemb.nn.sizes import Sizes
from jaxemb.runtime.shapes import States

Projection = Literal["query", "key", "value", "output"]
ALL: tuple[Projection, ...] = ("query", "key", "value", "output")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentionForm(Part, abc.ABC):
    """Slot: how the tokens of a block read each other."""

    @abc.abstractmethod
    def layer(self, sizes: Sizes, *, name: str) -> nn.Module:
        """The layer, called as `SelfAttention` is."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiHead(AttentionForm):
    """`softmax(s Q Kᵀ) V` in heads; the defaults are those of the first transformer.

    Attributes:
        key_value_heads: heads of keys and values, each read by as many heads of queries; None is as
            many as there are heads of queries. 1 is multi-query attention.
        head_dim: features of a head; None is the width over the heads.
        biases: which of the four maps have one.
        query_key_norm: of the features of each query and key, before they are rotated.
        score_scale: `s`; None is one over the root of `head_dim`.
        soft_cap: scores are bent to lie within it, `c tanh(s / c)`; None leaves them.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762; Ainslie et al., GQA,
    arXiv:2305.13245; Henry et al., Query-Key Normalization for Transformers, arXiv:2010.04245.
    """

    key_value_heads: Annotated[int, AtLeast(1)] | None = None
    head_dim: Annotated[int, AtLeast(1)] | None = None
    biases: tuple[Projection, ...] = ALL
    query_key_norm: Norm = dataclasses.field(default_factory=NoNorm)
    score_scale: Annotated[float, Above(0)] | None = None
    soft_cap: Annotated[float, Above(0)] | None = None

    def layer(self, sizes: Sizes, *, name: str) -> "SelfAttention":
        return SelfAttention(
            heads=sizes.heads, dropout=sizes.attention_dropout, dtype=sizes.dtype, form=self,
            name=name,
        )  # fmt: skip


class SelfAttention(nn.Module, kw_only=True):
    """Each token reads the tokens it is allowed to: `softmax(Q Kᵀ / √k) V`, heads side by side.

    The output kernel starts small: in a residual branch the layer first adds little. Where the
    collection `adapters` holds `prefix_key` and `prefix_value` `[prefix, heads * head_dim]`, every
    token reads these beside the tokens; they have no position.

    Attributes:
        heads: of the queries, each with its own attention.
        dropout: rate on the attention weights.
        dtype: of the products; parameters are float32 and the softmax is taken in float32.
        form: heads of keys, biases, scale and norm.

    Raises:
        UsageError: if the width is not a multiple of `heads`, or these of `key_value_heads`.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    heads: Annotated[int, AtLeast(1)]
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.0
    dtype: str = "float32"
    form: MultiHead = MultiHead()

    @nn.compact
    def __call__(
        self,
        x: States,
        allowed: Bool[Array, "#batch 1 #tokens tokens"],
        *,
        bias: Float[Array, "#batch heads tokens tokens"] | None = None,
        rotate: Callable = lambda x: x,
        keys: Key[Array, " batch"] | None = None,
    ) -> States:
        query, key, value = self._projected(x)
        norm = self.form.query_key_norm
        query = rotate(norm.clone(parent=self, name="query_norm")(query))
        key = rotate(norm.clone(parent=self, name="key_norm")(key))
        if self.has_variable("adapters", "prefix_key"):
            names = ("prefix_key", "prefix_value")
            prefix = [self.get_variable("adapters", name) for name in names]
            key, value, allowed, bias = _after_prefix(*prefix, key, value, allowed, bias)
        dropout = Dropout(rate=self.dropout, name="dropout")
        y = attend(
            query, key, value, allowed, bias=bias,
            scale=self.form.score_scale, soft_cap=self.form.soft_cap,
            drop=(lambda w: dropout(w, keys)) if keys is not None and self.dropout else None,
        )  # fmt: skip
        output = Dense(
            features=x.shape[-1],
            dtype=self.dtype,
            kernel_init=branch,
            bias_init=self._bias("output"),
            name="output",
        )
        return output(merge_heads(y))

    def _projected(self, x: Array) -> list[Array]:
        """Queries, keys and values, `[batch, heads, tokens, head_dim]`."""
        heads, groups = self.heads, self.form.key_value_heads or self.heads
        if heads % groups:
            raise UsageError(
                f"{heads} heads cannot share {groups} heads of keys and values evenly."
            )
        width = self.form.head_dim or split_heads(x, heads).shape[-1]
        counts = {"query": heads, "key": groups, "value": groups}
        maps = [
            DenseMap(features=n * width, bias_init=self._bias(name), name=name)(x.shape[-1])
            for name, n in counts.items()
        ]
        parts = each_of(x, maps, self.dtype)
        return [split_heads(y, n) for y, n in zip(parts, counts.values(), strict=True)]

    def _bias(self, name: Projection):
        return nn.initializers.zeros if name in self.form.biases else None


def _after_prefix(
    prefix_key: Float[Array, "prefix flat"],
    prefix_value: Float[Array, "prefix flat"],
    key: Float[Array, "batch groups tokens k"],
    value: Float[Array, "batch groups tokens k"],
    allowed: Bool[Array, "#batch 1 #queries tokens"],
    bias: Float[Array, "#batch heads queries tokens"] | None,
) -> tuple[Array, Array, Array, Array | None]:
    """Keys and values behind those of a prefix, which all may read and whose scores have no bias."""
    count = len(prefix_key)

    def joined(prefix: Array, states: Array) -> Array:
        own = split_heads(prefix[None].astype(states.dtype), states.shape[1])
        return jnp.concatenate(
            [jnp.broadcast_to(own, (len(states), *own.shape[1:])), states], axis=2
        )

    before = ((0, 0), (0, 0), (0, 0), (count, 0))
    return (
        joined(prefix_key, key),
        joined(prefix_value, value),
        jnp.pad(allowed, before, constant_values=True),
        None if bias is None else jnp.pad(bias, before),
    )


class CrossAttention(nn.Module, kw_only=True):
    """Queries, the same for every example, read its states: `softmax(Q Kᵀ / √k) V`, in heads.

    The result has the width of the queries. The value and output kernels start as identities, so
    that what is read first is the states themselves.

    Raises:
        UsageError: if the width is not a multiple of `heads`.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    heads: Annotated[int, AtLeast(1)]

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


def split_heads(x: States, heads: int) -> Float[Array, "batch {heads} tokens head_width"]:
    """Cuts the width into heads and moves them before the tokens."""
    if x.shape[-1] % heads:
        raise UsageError(
            f"A width of {x.shape[-1]} cannot be cut into {heads} heads of equal size."
        )
    return rearrange(x, "batch tokens (heads k) -> batch heads tokens k", heads=heads)


def merge_heads(
    x: Float[Array, "batch heads tokens head_width"],
) -> States:
    """Undoes `split_heads`."""
    return rearrange(x, "batch heads tokens k -> batch tokens (heads k)")
